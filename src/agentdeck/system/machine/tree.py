"""The processes of one run, wherever they went, and how they are ended.

A process belongs to a run when it descends from the run's guardian or runner, when `AGENTDECK_RUN` in its environment
says so, when it is in the agent's session, or when it is in the run's cgroup. On Linux the guardian and the runner
adopt orphans, so a daemon that left its parents, its session and its environment still descends from them. Standard
library on Linux, psutil elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.system.machine.scope import CgroupScope

MARK = "AGENTDECK_RUN"
_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36
_KILLING = 5.0
"""Seconds after which a process that does not die of KILL is given up: it is another user's, or the kernel holds it."""
_MARK = f"\0{MARK}=".encode()
"""As it stands in an environment, between the variables that NUL ends."""
_ENVIRONMENT = 32 * 1024
"""Bytes of an environment that are read at once."""
_RESCANS = 5
"""How often processes are listed anew because some ended meanwhile."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The processes of one run."""

    run: str
    session: int | None = None
    """The agent's own pid."""
    root: int = 0
    """The process that adopts their orphans; 0 where the caller knows of none."""
    scope: CgroupScope | None = None
    spared: frozenset[int] = frozenset()
    """Children of the root that are not the agent's."""

    def members(self) -> set[int]:
        """The pids that live, without this process's own; zombies do not count."""
        found = _from_proc(self) if Path("/proc/self/environ").exists() else set(_from_psutil(self))
        if self.scope is not None:
            found |= self.scope.pids()
        return found - {os.getpid(), self.root} - self.spared

    def kill(self) -> None:
        if self.scope is not None:
            self.scope.kill()
        signal_all(self.members(), signal.SIGKILL)

    def end(self, grace: float) -> set[int]:
        """End them: TERM, `grace` seconds, then KILL. Return those that live on."""
        if left := self.members():
            signal_all(left, signal.SIGTERM)
            left = self._await_end(grace)
        deadline = time.monotonic() + _KILLING
        while left and time.monotonic() < deadline:
            self.kill()
            left = self._await_end(0.05)
        return left

    def _await_end(self, patience: float) -> set[int]:
        deadline = time.monotonic() + patience
        while True:
            if self.root == os.getpid():
                reap()
            left = self.members()
            if not left or time.monotonic() >= deadline:
                return left
            time.sleep(0.05)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends. Linux only; elsewhere nothing happens."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def signal_me_after_parent(sign: signal.Signals) -> None:
    """Get `sign` when our parent ends. Linux only; elsewhere nothing happens."""
    _prctl(_SET_PARENT_DEATH_SIGNAL, sign)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def reap() -> dict[int, int]:
    """The exit codes of our children that have ended, minus the signal's number for one that a signal ended."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = os.waitstatus_to_exitcode(found[1])
    return ended


def has_children() -> bool:
    """Whether any child of ours, born or adopted, lives or waits to be reaped; False where orphans are not adopted."""
    if sys.platform != "linux":
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def runs_alive(runs: set[str]) -> dict[str, set[int]]:
    """By run, the pids of the processes that carry its mark."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    if not runs:
        return found
    marks: Iterator[tuple[int, str]] = _marks_from_psutil()
    if Path("/proc/self/environ").exists():
        marks = ((pid, _mark_of(pid)) for pid in _pids())
    for pid, mark in marks:
        if mark in runs and pid != os.getpid():
            found[mark].add(pid)
    return found


def descends(pid: int, root: int) -> bool:
    """Whether the process is a child of `root`'s, or a child's child."""
    if not Path("/proc/self/stat").exists():
        import psutil

        with contextlib.suppress(psutil.Error):
            return root in (each.pid for each in psutil.Process(pid).parents())
        return False
    processes = _processes()
    while pid in processes and pid != root:
        pid = processes[pid].parent
    return pid == root


def below(root: int) -> set[int]:
    """The pids of all that descends from the process, those among them that have ended but for their threads, too.
    Linux only."""
    return _below(root, _processes())


def cpu_seconds(pids: set[int]) -> float:
    """The processor time that these processes have taken so far."""
    seconds = 0.0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def command_of(pid: int) -> str:
    """The name of a process's program; “?” where it is gone."""
    import psutil

    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).name()
    return "?"


@dataclass(frozen=True, slots=True)
class _Facts:
    alive: bool
    parent: int
    session: int


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208 - no Path for each


def _processes() -> dict[int, _Facts]:
    found = {}
    for pid in _pids():
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123
                fields = file.read().rpartition(b")")[2].split()
            found[pid] = _Facts(fields[0] not in (b"Z", b"X"), int(fields[1]), int(fields[3]))
    return found


def _mark_of(pid: int) -> str:
    """Of a zombie there is none: its environment is gone."""
    data = b"\0"
    with contextlib.suppress(OSError):
        # No file object: this is done for each process of the machine.
        descriptor = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
        try:
            while some := os.read(descriptor, _ENVIRONMENT):
                data += some
        finally:
            os.close(descriptor)
    _, found, rest = data.partition(_MARK)
    return os.fsdecode(rest.partition(b"\0")[0]) if found else ""


def _from_proc(tree: Tree) -> set[int]:
    if not tree.root and tree.session is None:  # its mark is all that is left to know it by
        return {pid for pid in _pids() if _mark_of(pid) == tree.run}
    processes = _processes()
    for _ in range(_RESCANS):
        if not tree.root or all(facts.parent in processes or not facts.parent for facts in processes.values()):
            break
        processes = _processes()  # a parent ended while we read, and its children are not known to be ours
    ours = _below(tree.root, processes) if tree.root else set[int]()
    for pid, facts in processes.items():
        if facts.alive and (facts.session == tree.session or (pid not in ours and _mark_of(pid) == tree.run)):
            ours.add(pid)
    return {pid for pid in ours if processes[pid].alive}


def _below(root: int, processes: dict[int, _Facts]) -> set[int]:
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, facts in processes.items():
        children[facts.parent].append(pid)
    found, todo = set[int](), [root]
    while todo:
        below = children.get(todo.pop(), [])
        found.update(below)
        todo += below
    return found


def _from_psutil(tree: Tree) -> Iterator[int]:
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            in_session = tree.session is not None and os.getsid(process.pid) == tree.session
            if in_session or process.environ().get(MARK) == tree.run:
                yield process.pid
    if tree.root:
        with contextlib.suppress(psutil.Error):
            yield from (process.pid for process in psutil.Process(tree.root).children(recursive=True))


def _marks_from_psutil() -> Iterator[tuple[int, str]]:
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE:
                yield process.pid, process.environ().get(MARK, "")


def signal_all(pids: set[int], sign: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, sign)
