"""The processes of one run, wherever they went, and how they are ended.

A process belongs to a run when `AGENTDECK_RUN` in its environment says so, or when it is in the agent's session; both
hold for daemons that left their parents. Standard library on Linux, psutil elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

MARK = "AGENTDECK_RUN"


def members(run: str, session: int | None = None) -> set[int]:
    """The pids of the run's processes that live; zombies do not count. `session` is the agent's own pid."""
    mark = f"{MARK}={run}".encode()
    found = _from_proc(mark, session) if Path("/proc/self/environ").exists() else _from_psutil(run, session)
    return set(found) - {os.getpid()}


def _from_proc(mark: bytes, session: int | None) -> Iterator[int]:
    for entry in os.listdir("/proc"):  # noqa: PTH208 - thousands of Path objects would double its time
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123
                fields = file.read().rpartition(b")")[2].split()
            if fields[0] in (b"Z", b"X"):
                continue
            if session is not None and int(fields[3]) == session:
                yield int(entry)
                continue
            with open(f"/proc/{entry}/environ", "rb") as file:  # noqa: PTH123
                if mark in file.read().split(b"\0"):
                    yield int(entry)


def _from_psutil(run: str, session: int | None) -> Iterator[int]:
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if (session is not None and os.getsid(process.pid) == session) or process.environ().get(MARK) == run:
                yield process.pid


def signal_all(pids: set[int], sign: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, sign)


def end_all(run: str, session: int | None, grace: float) -> None:
    """End the run's processes: TERM, `grace` seconds, then KILL until none is left."""
    signal_all(members(run, session), signal.SIGTERM)
    deadline = time.monotonic() + grace
    while members(run, session) and time.monotonic() < deadline:
        time.sleep(0.05)
    for _ in range(100):
        left = members(run, session)
        if not left:
            return
        signal_all(left, signal.SIGKILL)
        time.sleep(0.05)
