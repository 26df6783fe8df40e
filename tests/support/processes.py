"""What became of a process."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def gone(pid: int) -> bool:
    """Whether the process has ended, and be it that nobody has asked how yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return sys.platform == "linux"
