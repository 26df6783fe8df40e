"""FIFOs in a worktree's git folder. Git makes none, and a git that opens one waits for ever: every git of the
repository, for many look at the HEADs of all worktrees."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from agentdeck.system.files.files import set_aside


def clear(git_dir: Path | str) -> None:
    """Take those in `git_dir` away, so that git takes the files for missing, and let those go on who wait for one."""
    for path in _found(git_dir):
        with contextlib.suppress(OSError):
            aside = set_aside(path)  # so that nobody comes to it any more
            with contextlib.suppress(OSError):
                os.close(os.open(aside, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
            aside.unlink()


def clear_all(common: Path) -> None:
    """As `clear`, for all worktrees of the repository with that git folder."""
    with contextlib.suppress(OSError), os.scandir(common / "worktrees") as entries:
        for entry in entries:
            clear(entry.path)


def _found(folder: Path | str) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != "modules":  # git folders of their own
                    yield from _found(entry.path)
            elif not entry.is_file(follow_symlinks=False) and _waits(entry):
                yield Path(entry.path)


def _waits(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISFIFO(entry.stat().st_mode)
    return False
