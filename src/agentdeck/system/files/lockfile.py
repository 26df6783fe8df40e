"""A lock file that the kernel frees when its holder dies. Next to nothing is loaded here: a runner takes its own before
all else, since who starts an agent waits for that."""

from __future__ import annotations

import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def try_lock(path: Path | str) -> int | None:
    """Lock the file at `path`, in a folder that is there, and write our pid into it. Return the descriptor, which holds
    it until it is closed or this process ends; None where somebody else does. Raise OSError."""
    while True:
        # A link in its place is not followed: what it leads to would lose its content to our pid.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        if _is_at(path, descriptor):
            sign_lock(descriptor)
            return descriptor
        os.close(descriptor)  # its former holder moved or deleted it: that lock keeps nobody out any more


def sign_lock(descriptor: int) -> None:
    """Write our pid into a lock file that we hold, for `lock_holder`: we may have it from our parent, who took it."""
    pid = str(os.getpid()).encode()
    try:
        # Never cut to nothing: ext4 then writes it to the disk when it is closed, which takes milliseconds. What does
        # not begin with a digit is no pid.
        os.pwrite(descriptor, b" ", 0)
        os.ftruncate(descriptor, len(pid))
        os.pwrite(descriptor, pid, 0)
    except OSError:  # a full disk has no room for it, and still there is a lock
        pass


def _is_at(path: Path | str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))  # noqa: PTH116 - pathlib is not loaded yet
    except FileNotFoundError:
        return False
