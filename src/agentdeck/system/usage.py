"""CPU, memory and processes of whole process trees, in one pass over the process table."""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FIRST_LOOK = 0.1
"""Seconds between the two looks that a first answer needs."""


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_percent: float
    """Of one processor: 200 is two of them busy."""
    rss_bytes: int
    """Resident memory, pages that its processes share counted once for each."""
    processes: int


class UsageSampler:
    """Samples again and again; CPU is what was used since the sample before."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._at = 0.0

    def sample(self, runners: Mapping[str, int]) -> dict[str, Usage]:
        """The usage of each tree, by the name of its root's pid in `runners`; a root that is gone is left out."""
        if not runners:
            return {}
        if not self._at:
            self._look(runners)
            time.sleep(_FIRST_LOOK)
        return self._look(runners)

    def _look(self, runners: Mapping[str, int]) -> dict[str, Usage]:
        import psutil

        now = time.monotonic()
        children: defaultdict[int, list[int]] = defaultdict(list)
        for pid, parent in _parents().items():
            children[parent].append(pid)
        passed, before = now - self._at, self._seconds
        found, self._seconds, self._at = {}, {}, now
        for name, root in runners.items():
            cpu, rss, count = 0.0, 0, 0
            todo = [root]
            while todo:
                pid = todo.pop()
                todo += children[pid]
                with contextlib.suppress(psutil.Error):
                    process = psutil.Process(pid)
                    with process.oneshot():
                        times = process.cpu_times()
                        rss += process.memory_info().rss
                    self._seconds[pid] = times.user + times.system
                    cpu += max(0.0, self._seconds[pid] - before.get(pid, self._seconds[pid]))
                    count += 1
            if count:
                found[name] = Usage(round(100 * cpu / passed, 1) if passed else 0.0, rss, count)
        return found


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """One process of a tree; `depth` is 0 for its root."""

    pid: int
    depth: int
    command: str
    """Its command line, without the folder of the program."""
    cpu_seconds: float
    rss_bytes: int


def tree_of(root: int) -> list[ProcessUse]:
    """The processes under `root`, each after its parent; [] where it is gone."""
    import psutil

    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, parent in _parents().items():
        children[parent].append(pid)
    found, todo = list[ProcessUse](), [(root, 0)]
    while todo:
        pid, depth = todo.pop()
        todo += [(child, depth + 1) for child in sorted(children[pid], reverse=True)]
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                program, *rest = process.cmdline() or [process.name()]
                words = [program.rpartition("/")[2] or program, *rest]
                found.append(
                    ProcessUse(pid, depth, " ".join(words), times.user + times.system, process.memory_info().rss)
                )
    return found


def _parents() -> dict[int, int]:
    import psutil

    return {process.pid: process.info["ppid"] for process in psutil.process_iter(["ppid"])}


def disk_bytes(folder: Path) -> int:
    """The room that a folder takes on disk; links are not followed, files with several names count once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                facts = Path(place, name).lstat()
                if (facts.st_dev, facts.st_ino) not in seen:
                    seen.add((facts.st_dev, facts.st_ino))
                    total += facts.st_blocks * 512
    return total
