"""How much room this machine has for one more agent. Standard library on Linux, for the runner."""

from __future__ import annotations

import os
from pathlib import Path

from agentdeck.core.agents.admission import Room


def room(folder: str) -> Room:
    """Load of the last minute per processor, and bytes of memory that can be had, and of the disk that `folder` is on.

    Raise OSError where that can't be told.
    """
    disk = os.statvfs(folder)
    return Room(os.getloadavg()[0] / (os.cpu_count() or 1), _free_memory(), disk.f_bavail * disk.f_frsize)


def _free_memory() -> int:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        import psutil

        return int(psutil.virtual_memory().available)
