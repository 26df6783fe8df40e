"""What became of a process, and what it was told."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil


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


def of_processes(pids: list[int]) -> str:
    """The variables and arguments of these processes and all below them."""
    found = []
    for pid in pids:
        for each in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            found.append(json.dumps([each.environ(), each.cmdline()]))
    return "\n".join(found)
