"""Look into a folder that somebody else may change meanwhile, without following a link out of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from agentdeck.system.files import files


def listed(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


@contextlib.contextmanager
def opened(path: Path | str, inside: int | None = None) -> Iterator[int]:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inside)
    try:
        yield folder
    finally:
        os.close(folder)


def plain_file(leaf: str, folder: int) -> BufferedReader:
    """Raise OSError for a link, and for what could keep us waiting for ever."""
    return files.opened(leaf, os.O_NOFOLLOW, inside=folder)
