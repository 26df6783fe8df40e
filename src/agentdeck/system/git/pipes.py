"""FIFOs and links in a worktree's git folder, and FIFOs in the places of files that git reads in the worktree itself.

A git that opens a FIFO waits for ever: every git of the repository, for many look at the HEADs of all worktrees.
From a HEAD that says to be a terabyte it reads on until no memory is left.
Through a link that an agent in a box has made, our git would write where the agent can't: its index, its log of HEAD.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from agentdeck.system.files.files import set_aside
from agentdeck.system.git.untrusted import is_marked

LONGEST = 65536
"""Bytes that are read of a file with a ref, a name or an id, which an agent may have made as long as it likes."""
_READ = (".gitattributes", ".gitignore", ".gitmodules", ".mailmap")
"""What git opens in any folder of a worktree, whatever it is."""


def clear(git_dir: Path | str) -> None:
    """Take those in `git_dir` away, so that git takes the files for missing, and let those go on who wait for one.
    Links go where the worktree is one of an agent in a box."""
    folder = Path(git_dir)
    cut_head(folder)
    for path in _found(git_dir, links=is_marked(folder.parents[1], folder)):
        with contextlib.suppress(OSError):
            if path.is_symlink():
                path.unlink()
            else:
                _take_away(path)


def cut_head(git_dir: Path) -> None:
    """Cut a HEAD that is far too long to be one."""
    path = git_dir / "HEAD"
    with contextlib.suppress(OSError):
        if path.lstat().st_size > LONGEST:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.ftruncate(descriptor, LONGEST)
            finally:
                os.close(descriptor)


def clear_worktree(folder: Path) -> None:
    """As `clear`, for the files that git reads in the worktree itself. It looks into each of its folders."""
    for place, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each != ".git"]
        for name in names:
            with contextlib.suppress(OSError):
                if name in _READ and stat.S_ISFIFO(Path(place, name).lstat().st_mode):
                    _take_away(Path(place, name))


def _take_away(fifo: Path) -> None:
    aside = set_aside(fifo)  # so that nobody comes to it any more
    with contextlib.suppress(OSError):
        os.close(os.open(aside, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    aside.unlink()


def clear_all(common: Path) -> None:
    """As `clear`, for all worktrees of the repository with that git folder."""
    with contextlib.suppress(OSError), os.scandir(common / "worktrees") as entries:
        for entry in entries:
            clear(entry.path)


def _found(folder: Path | str, *, links: bool) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if links and entry.is_symlink():
                yield Path(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                if entry.name != "modules":  # git folders of their own
                    yield from _found(entry.path, links=links)
            elif not entry.is_file(follow_symlinks=False) and _waits(entry):
                yield Path(entry.path)


def _waits(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISFIFO(entry.stat().st_mode)
    return False
