"""CPU, memory and processes of whole process trees.

A machine has thousands of processes, and ours are a few of them. On Linux a look lists all, and reads only those of our
trees and those that were not there before; elsewhere psutil reads them all.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from agentdeck.core.frozen import dataclass

_APART = 0.03 if sys.platform == "linux" else 0.1
"""Seconds at least between two looks, for what was used meanwhile to tell something."""
_FORGET = 60.0
"""Seconds after which all processes are read again: by then a number may be another process's."""


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    cpu_percent: float
    """Of one processor: 200 is two of them busy."""
    rss_bytes: int
    """Resident memory, to some hundred KiB a process; pages that processes share are counted once for each."""
    processes: int


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    born: float
    """With the pid, what no other process has."""
    cpu_seconds: float
    rss_bytes: int


class ProcessTable:
    """The processes below some roots, looked at again and again."""

    def __init__(self) -> None:
        self._strangers: set[int] = set()
        self._roots: frozenset[int] = frozenset()
        self._forget_at = 0.0

    def trees(self, roots: Iterable[int]) -> dict[int, list[tuple[_Process, int]]]:
        """By root, its processes that live, each after its parent and with how deep below the root it is."""
        wanted = frozenset(roots)
        found = self._read(wanted) if sys.platform == "linux" else _from_psutil(wanted)
        children: defaultdict[int, list[int]] = defaultdict(list)
        for process in found.values():
            children[process.parent].append(process.pid)
        trees = {root: list(_walk(root, found, children)) for root in wanted}
        ours = {process.pid for tree in trees.values() for process, _ in tree}
        self._strangers |= found.keys() - ours
        return trees

    def _read(self, roots: frozenset[int]) -> dict[int, _Process]:
        """All processes but those that were nobody's of ours when they were last read."""
        now = time.monotonic()
        if now >= self._forget_at or not roots <= self._roots:
            self._strangers.clear()
            self._forget_at = now + _FORGET
        self._roots = roots
        pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208 - no Path for each
        self._strangers &= pids
        return {pid: process for pid in pids - self._strangers if (process := _from_proc(pid)) is not None}


def _walk(
    root: int, found: Mapping[int, _Process], children: Mapping[int, list[int]]
) -> Iterable[tuple[_Process, int]]:
    todo = [(root, 0)]
    while todo:
        pid, depth = todo.pop()
        if pid in found:
            yield found[pid], depth
            todo += [(child, depth + 1) for child in sorted(children.get(pid, ()), reverse=True)]


_CLOCK = 2
"""As in linux/posix-timers.h: the clock of all threads of a process, to the nanosecond."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _from_proc(pid: int) -> _Process | None:
    """None for one that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as often as this is called
            # The name before the bracket may hold anything. The fields are counted from the third, as in proc(5).
            fields = file.read().rpartition(b")")[2].split()
        # The file itself counts hundredths of a second.
        seconds = time.clock_gettime(~pid << 3 | _CLOCK)
    except OSError:
        return None
    return _Process(pid, int(fields[1]), float(fields[19]), seconds, int(fields[21]) * _PAGE)


def _from_psutil(roots: frozenset[int]) -> dict[int, _Process]:
    import psutil

    parents = {process.pid: process.info["ppid"] for process in psutil.process_iter(["ppid"])}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, parent in parents.items():
        children[parent].append(pid)
    found, todo = dict[int, _Process](), [*roots]
    while todo:
        pid = todo.pop()
        todo += children[pid]
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                seconds, memory = sum(process.cpu_times()[:2]), process.memory_info().rss
                found[pid] = _Process(pid, parents.get(pid, 0), process.create_time(), seconds, memory)
    return found


class UsageSampler:
    """Samples again and again; CPU is what was used since the sample before."""

    def __init__(self) -> None:
        self._table = ProcessTable()
        self._seconds: dict[tuple[int, float], float] = {}
        self._at = 0.0

    def begin(self, runners: Mapping[str, int]) -> None:
        """Take the look that a first sample is compared with; else that takes both, one after the other."""
        if runners:
            self._look(runners)

    def sample(self, runners: Mapping[str, int]) -> dict[str, ProcessUsage]:
        """The usage of each tree, by the name of its root's pid in `runners`; a root that is gone is left out."""
        if not runners:
            return {}
        if not self._at:
            self.begin(runners)
        time.sleep(max(0.0, self._at + _APART - time.monotonic()))
        return self._look(runners)

    def _look(self, runners: Mapping[str, int]) -> dict[str, ProcessUsage]:
        now = time.monotonic()
        trees = self._table.trees(runners.values())
        passed, before = now - self._at, self._seconds
        found, self._seconds, self._at = {}, {}, now
        for name, root in runners.items():
            cpu = 0.0
            processes = [process for process, _ in trees[root]]
            for process in processes:
                key = process.pid, process.born
                self._seconds[key] = process.cpu_seconds
                cpu += max(0.0, process.cpu_seconds - before.get(key, process.cpu_seconds))
            if processes:
                memory = sum(process.rss_bytes for process in processes)
                found[name] = ProcessUsage(round(100 * cpu / passed, 1) if passed else 0.0, memory, len(processes))
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


def tree_of(root: int, table: ProcessTable | None = None) -> list[ProcessUse]:
    """The processes under `root`, each after its parent; [] where it is gone. Who asks often keeps a `table`."""
    import psutil

    found = []
    for process, depth in (table or ProcessTable()).trees([root])[root]:
        with contextlib.suppress(psutil.Error):
            shown = psutil.Process(process.pid)
            program, *rest = shown.cmdline() or [shown.name()]
            words = [program.rpartition("/")[2] or program, *rest]
            found.append(ProcessUse(process.pid, depth, " ".join(words), process.cpu_seconds, process.rss_bytes))
    return found


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
