"""The large files that git-lfs keeps for an agent in a box, and how they come into the repository."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from agentdeck.system.box.careful import is_hollow, listed, opened, plain_file
from agentdeck.system.files.files import private_folder

FOLDER = "lfs"
"""Of git-lfs, in the git folder."""
_PART, _NAME = re.compile(r"[0-9a-f]{2}"), re.compile(r"[0-9a-f]{64}")
_CHUNK = 1024 * 1024


def found_in(own: Path) -> Iterator[tuple[str, str, str]]:
    """The two folders and the name of each, which is the SHA-256 of its content."""
    with contextlib.suppress(OSError), opened(own) as top, opened("objects", top) as objects:
        for first in filter(_PART.fullmatch, listed(objects)):
            with contextlib.suppress(OSError), opened(first, objects) as outer:
                for second in filter(_PART.fullmatch, listed(outer)):
                    with contextlib.suppress(OSError), opened(second, outer) as inner:
                        yield from ((first, second, name) for name in listed(inner) if _NAME.fullmatch(name))


def take(own: Path, common: Path) -> None:
    """Bring them into the repository's; what is not what its name says stays outside, and is gone."""
    for first, second, name in list(found_in(own)):
        place = common / FOLDER / "objects" / first / second
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            folder = held.enter_context(opened(own))
            for part in ("objects", first, second):
                folder = held.enter_context(opened(part, folder))
            if not (place / name).exists() and name.startswith(first + second):
                _copy(name, folder, place)
            os.unlink(name, dir_fd=folder)


def _copy(name: str, folder: int, place: Path) -> None:
    private_folder(place)
    half, content = place / f".{name}.{os.getpid()}", hashlib.sha256()
    try:
        with plain_file(name, folder) as source, half.open("wb") as copy:
            while not is_hollow(source) and (data := source.read(_CHUNK)):
                content.update(data)
                copy.write(data)
        if content.hexdigest() == name:
            half.replace(place / name)
    finally:
        half.unlink(missing_ok=True)
