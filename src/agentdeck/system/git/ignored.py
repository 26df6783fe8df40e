"""What git ignores in a worktree, and a snapshot therefore leaves out."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.system.files.files import bytes_of
from agentdeck.system.git.repository import Repository

_MOST = 20_000
"""Files after which the count ends: a removal has not the time to look at each of a million."""
_COMPARED = 1024 * 1024
"""Bytes up to which a file is compared with the main worktree's."""


@dataclass(frozen=True, slots=True)
class Ignored:
    places: tuple[str, ...] = ()
    """Files, and folders with a `/` at the end, all of which git ignores."""
    files: int = 0
    size: int = 0
    """Bytes."""
    is_all: bool = True
    """Whether all were counted."""


def ignored_files(here: Repository, main: Path, known: Collection[Path]) -> Ignored:
    """The ignored files of the worktree `here` that the main worktree `main` has not as they are, without links and the
    files `known`."""
    words = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    places: dict[str, None] = {}
    files = size = 0
    for place in here.git(*words).split("\0"):
        for path, length in _files(here.folder / place) if place else ():
            if path in known or _is_same(path, main / path.relative_to(here.folder), length):
                continue
            places[place] = None
            files, size = files + 1, size + length
            if files >= _MOST:
                return Ignored(tuple(places), files, size, is_all=False)
    return Ignored(tuple(places), files, size)


def _files(place: Path) -> Iterator[tuple[Path, int]]:
    if place.is_symlink():
        return
    if not place.is_dir():
        yield place, place.lstat().st_size
        return
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            try:
                if not path.is_symlink():
                    yield path, path.lstat().st_size
            except FileNotFoundError:  # something still works there
                continue


def _is_same(path: Path, other: Path, size: int) -> bool:
    try:
        return size <= _COMPARED and other.lstat().st_size == size and bytes_of(other) == bytes_of(path)
    except OSError:
        return False
