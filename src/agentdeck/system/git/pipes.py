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
    """Put those in `git_dir` aside, so that git takes the files for missing, and let those go on who wait for one."""
    for path in _found(git_dir):
        with contextlib.suppress(OSError):
            aside = set_aside(path)
            os.close(os.open(aside, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))


def clear_all(common: Path) -> None:
    """As `clear`, for all worktrees of the repository with that git folder."""
    with contextlib.suppress(OSError), os.scandir(common / "worktrees") as entries:
        for entry in entries:
            clear(entry.path)


def _found(git_dir: Path | str) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        with os.scandir(git_dir) as entries:
            special = [each for each in entries if each.is_symlink() or not (each.is_file() or each.is_dir())]
        for entry in special:
            with contextlib.suppress(OSError):
                if stat.S_ISFIFO(entry.stat().st_mode) or stat.S_ISCHR(entry.stat().st_mode):
                    yield Path(entry.path)
