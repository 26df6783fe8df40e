"""Look into a folder that somebody else may change meanwhile, without following a link out of it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


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


@contextlib.contextmanager
def plain_file(leaf: str, folder: int) -> Iterator[BinaryIO]:
    """Raise OSError for a link, and for what could keep us waiting for ever."""
    source = os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(source, "rb") as read:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), leaf)
        yield read
