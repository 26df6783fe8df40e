"""Look into a folder that somebody else may change meanwhile, without following a link out of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path

from agentdeck.system.files import files

_FULL = 64 * 1024 * 1024
_BLOCK, _PACKED = 512, 4
"""Bytes of a disk's block, and by how much a disk that compresses may make what git has compressed smaller still."""


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


def is_hollow(file: BufferedReader) -> bool:
    """Whether a file says to hold far more than it takes on the disk: to copy it would fill ours with nothing."""
    told = os.fstat(file.fileno())
    return told.st_size > _FULL and told.st_blocks * _BLOCK * _PACKED < told.st_size


@contextlib.contextmanager
def folder_below(top: Path, relative: Path, *, make: bool = False) -> Iterator[int]:
    """The folder `relative` of `top`, without a link on the way; raise OSError where there is none. With `make` what is
    missing is made, for this user alone."""
    with contextlib.ExitStack() as held:
        folder = held.enter_context(opened(os.path.realpath(top)))
        for part in relative.parts:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=folder)
            folder = held.enter_context(opened(part, folder))
        yield folder


@contextlib.contextmanager
def file_below(top: Path, relative: Path) -> Iterator[BufferedReader]:
    """The file `relative` of `top`, as `folder_below` comes to it."""
    with folder_below(top, relative.parent) as folder, plain_file(relative.name, folder) as file:
        yield file


def make_way(top: Path, relative: str) -> Path:
    """The path `relative` of `top`, once there are real folders on the way to it, and no link at its end: what is in
    the way is deleted. Nobody else may write there meanwhile."""
    place = top
    *way, name = Path(relative).parts
    for part in way:
        place /= part
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            place.unlink()
        place.mkdir(mode=0o700, exist_ok=True)
    place /= name
    if place.is_symlink():
        place.unlink()
    return place


def make_ways(home: Path, words: Sequence[str]) -> None:
    """As `make_way`, for all that the words of a box mount into `home`. bubblewrap follows links, out of the box too,
    and the program that ran in it before has written there."""
    for option, path in zip(words, words[2:], strict=False):
        if option in ("--bind", "--ro-bind", "--bind-try", "--ro-bind-try") and path.startswith(f"{home}/"):
            make_way(home, path.removeprefix(f"{home}/"))
