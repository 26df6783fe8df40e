"""A cgroup of a run's own, where cgroups v2 can be had: no process gets out of it, whatever it does.

It is a folder in our own cgroup, which we may write to as root, in a container with cgroups of its own, and below a
user's systemd. Where it can't be made, one of several ways to find processes is missing and nothing else changes.
Runner and guardian hold a lock of it, so that one whose run was killed, and its repository deleted, is known by itself.
Nothing here runs a program. Standard library only: the runner loads it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.patterns import late

_MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
"""Where cgroups v2 are mounted: alone, or beside those of version 1."""
SLICE = "agentdeck.slice"
"""What systemd puts the scopes of all agents in."""
_LOOK = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_ATTEMPTS = 3
_OURS = late(r"agentdeck-[0-9a-f]{12}")
_EMPTY = 0.5
"""Seconds for which the kernel may still count a process that has ended."""


@dataclass(frozen=True, slots=True)
class CgroupScope:
    folder: Path
    lock: int | None = None
    """The descriptor by which this process, and its children that start no other program, hold it."""

    def enter(self) -> None:
        """Move this process into it; nothing happens where that is refused."""
        with contextlib.suppress(OSError):
            self._write("cgroup.procs", "0")

    def pids(self) -> set[int]:
        """The processes in it and in the cgroups that were made inside of it."""
        found = set[int]()
        for place, _, files in os.walk(self.folder):
            if "cgroup.procs" in files:
                with contextlib.suppress(OSError):
                    found |= {int(word) for word in Path(place, "cgroup.procs").read_text().split()}
        return found - {0}

    def kill(self) -> None:
        """Kill all in it at once, which one that forks faster than we look can't escape."""
        with contextlib.suppress(OSError):
            self._write("cgroup.kill", "1")

    def remove(self) -> None:
        """Take it away; it stays where a process is left in it."""
        deadline = time.monotonic() + _EMPTY
        for place, _, _ in os.walk(self.folder, topdown=False):
            while True:
                try:
                    os.rmdir(place)  # noqa: PTH106
                except FileNotFoundError:
                    break
                except OSError:
                    if self.pids() or time.monotonic() > deadline:
                        return
                    time.sleep(0.01)
                else:
                    break

    def _write(self, name: str, text: str) -> None:
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def make(run: str) -> CgroupScope | None:
    """A new cgroup for the run, held by this process; None where this machine has none for us."""
    with contextlib.suppress(OSError):
        for place in _places():
            folder = place / _name(run)
            for _ in range(_ATTEMPTS):
                folder.mkdir()
                lock = os.open(folder, _LOOK)
                fcntl.flock(lock, fcntl.LOCK_EX)
                if folder.exists():
                    return CgroupScope(folder, lock)
                os.close(lock)  # a sweep came between
    return None


def sweep() -> None:
    """Take away the cgroups of runs whose runner and guardian are gone, unless processes are left in them."""
    with contextlib.suppress(OSError):
        for place in _places():
            for folder in place.glob("agentdeck-*"):
                if _OURS.fullmatch(folder.name):
                    _sweep(folder)


def _sweep(folder: Path) -> None:
    with contextlib.suppress(OSError):
        lock = os.open(folder, _LOOK)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not CgroupScope(folder).pids():
                CgroupScope(folder).remove()
        finally:
            os.close(lock)


def _places() -> Iterator[Path]:
    """Our own cgroup, where we may make others in it."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    for own in (line.removeprefix("0::") for line in lines if line.startswith("0::")):
        for mount in _MOUNTS:
            place = Path(f"{mount}{own}")
            if (place / "cgroup.procs").exists() and os.access(place / "cgroup.procs", os.W_OK):
                yield place
                return


def recorded(path: str, run: str) -> CgroupScope | None:
    """The cgroup at `path`, if it is that of `run` and still there."""
    folder = Path(path)
    is_ours = folder.name == _name(run) and any(path.startswith(f"{mount}/") for mount in _MOUNTS)
    return CgroupScope(folder) if is_ours and (folder / "cgroup.procs").exists() else None


def held_by_systemd(pid: int) -> Path | None:
    """The folder of the scope that the user's systemd has made for the process; None where it is in none of ours."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            if line.startswith("0::") and f"/{SLICE}/" in line and not line.endswith(" (deleted)"):
                return Path(f"{_MOUNTS[0]}{line.removeprefix('0::')}")
    return None


def ended_for_memory(folder: Path) -> int:
    """How many processes the kernel has killed there, and in the cgroups below, because their memory was used up."""
    with contextlib.suppress(OSError, ValueError):
        counts = dict(line.split() for line in (folder / "memory.events").read_text().splitlines())
        return int(counts.get("oom_kill", 0))
    return 0


def _name(run: str) -> str:
    return f"agentdeck-{run}"
