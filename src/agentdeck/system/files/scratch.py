"""Folders for temporary files: agents' own, and ours for a moment.

Ours can be told from those that a killed process left: their maker holds a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from agentdeck.system.files.files import delete, is_locked

_PREFIX = "agentdeck-scratch-"


def temporary_root() -> Path:
    """As `tempfile.gettempdir`, which is asked only where the answer isn't plain: it loads much, and writes a file."""
    named = [os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    first = os.path.abspath(named[0] if named else "/tmp")  # noqa: PTH100, S108 - as tempfile has it
    if os.path.isdir(first) and os.access(first, os.W_OK | os.X_OK):  # noqa: PTH112
        return Path(first)
    import tempfile

    return Path(tempfile.gettempdir())


def agents_folder() -> Path:
    """Where agents' own folders for temporary files lie: side by side, also when an agent starts an agent."""
    name, folder = f"agentdeck-{os.getuid()}", temporary_root()
    around = [each for each in (folder, *folder.parents) if each.name == name]
    return around[-1] if around else folder / name


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder of our own, which is gone with the block."""
    folder, lock = _make()
    try:
        yield folder
    finally:
        delete(folder)
        os.close(lock)


def _make() -> tuple[Path, int]:
    while True:
        folder = temporary_root() / f"{_PREFIX}{os.urandom(8).hex()}"
        folder.mkdir(mode=0o700)
        with contextlib.suppress(FileNotFoundError):  # a prune took it before it was locked
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def abandoned() -> list[Path]:
    """The folders of this user's processes that were killed."""
    return [path for path in sorted(temporary_root().glob(f"{_PREFIX}*")) if _is_abandoned(path)]


def clear_abandoned(folder: Path) -> None:
    """Take it away, unless its maker lives or it is gone."""
    if _is_abandoned(folder):
        delete(folder)


def _is_abandoned(folder: Path) -> bool:
    try:
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not is_locked(folder)
    except OSError:
        return False
