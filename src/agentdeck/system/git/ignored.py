"""What git ignores in a worktree, and a snapshot therefore leaves out."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.system.files.files import bytes_of
from agentdeck.system.git.repository import Repository

_MOST = 5_000
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
    files `known`. Each place is named, though not all files are counted where they are many."""
    words = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    own, skipped = f"{here.folder}/", {str(path) for path in known}
    places: dict[str, None] = {}
    files = size = 0
    is_all = True
    for place in here.git(*words).split("\0")[:-1]:
        for path, length in _files(own, place, f"{main}/"):
            if path in skipped:
                continue
            places[place] = None
            if files == _MOST:
                is_all = False
                break
            files, size = files + 1, size + length
        if len(places) > _MOST:
            break
    return Ignored(tuple(places), files, size, is_all)


def _files(own: str, place: str, main: str) -> Iterator[tuple[str, int]]:
    """The files at or below `place` of `own` that are not so in `main`, and their sizes."""
    folders = []
    if place.endswith("/"):
        folders.append(place)
    else:
        yield from _changed(own + place, main + place)
    while folders:
        folder = folders.pop()
        # Most of what is ignored is in none of the main worktree's folders, which are not asked for each file then.
        other = main + folder if os.path.isdir(main + folder) else ""  # noqa: PTH112 - once a folder, in a hot loop
        with contextlib.suppress(OSError), os.scandir(own + folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{entry.name}/")
                else:
                    yield from _changed(entry.path, other and other + entry.name)


def _changed(path: str, other: str) -> Iterator[tuple[str, int]]:
    """The file and its size where it is no link and not as `other`; "" is none."""
    with contextlib.suppress(FileNotFoundError):  # something still works there
        found = os.lstat(path)
        if not stat.S_ISLNK(found.st_mode) and not (other and _is_same(path, other, found.st_size)):
            yield path, found.st_size


def _is_same(path: str, other: str, size: int) -> bool:
    try:
        return size <= _COMPARED and os.lstat(other).st_size == size and bytes_of(other) == bytes_of(path)
    except OSError:
        return False
