"""The process above a runner: it outlives one that was killed, ends the agent's processes, and says what happened.

It is the first process of the agent's pane, and the runner is its child. On Linux it adopts what the runner leaves, so
that it finds every process of the agent, whatever that did to hide. Where the guardian itself is killed, the runner is
told by the kernel and ends the agent. Both hold `runner.lock`: an agent runs until the last of its processes is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from agentdeck.core.agents.agent import Fault, State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.orders import Orders
from agentdeck.core.frozen import replace
from agentdeck.engine.runner.runs_log import RunsLog
from agentdeck.errors import DeckError
from agentdeck.system.files.lockfile import sign_lock
from agentdeck.system.machine import scope
from agentdeck.system.machine.stopsignals import STOP_SIGNALS
from agentdeck.system.machine.tree import Tree, adopt_orphans, has_children, reap, signal_all, signal_me_after_parent
from agentdeck.system.state.store import Store

KILLED = 128 + signal.SIGKILL
"""The exit code of a run whose runner or guardian was killed."""
_GRACE = 2.0
_WATCHED = {*STOP_SIGNALS, signal.SIGCHLD}


def fork_runner(lock: int) -> int:
    """Fork the runner, which holds `lock` too; return 0 in it and its pid in us. STOP_SIGNALS stay blocked in both."""
    signal.signal(signal.SIGCHLD, lambda number, frame: None)  # one that is ignored can't be waited for everywhere
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    adopt_orphans()
    guardian = os.getpid()
    if runner := os.fork():
        return runner
    signal_me_after_parent(signal.SIGHUP)
    if os.getppid() != guardian:
        os.kill(os.getpid(), signal.SIGHUP)
    adopt_orphans()
    _lead_terminal()
    sign_lock(lock)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    return 0


def _lead_terminal() -> None:
    """Leave the guardian's process group, so that what is sent to a whole group does not end both of us."""
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    with contextlib.suppress(OSError):  # there is no terminal, or it is not ours
        os.tcsetpgrp(0, os.getpid())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTTOU})


def guard(orders: Orders, runner: int, lock: int, scoped: scope.CgroupScope | None) -> int:
    """Wait for the runner to end, end what is left of the agent, and return our exit code; we hold `lock`."""
    log = RunsLog(orders, Path(os.path.relpath(orders.runs_log, orders.folder)), lambda why: None)
    code = _await_runner(runner)
    sign_lock(lock)
    left = set[int]()
    if code < 0 or has_children():
        left = Tree(orders.run, root=os.getpid(), scope=scoped).end(_GRACE)
    if scoped is not None:
        scoped.remove()
        scope.sweep()
    with contextlib.suppress(DeckError, OSError):
        _tell(orders, code, left, log)
    return code if code >= 0 else 128 - code


def _await_runner(runner: int) -> int:
    """Pass on what we are told until the runner has ended; return its exit code, negative for a signal's number."""
    while True:
        sign = signal.sigwait(_WATCHED)
        if sign != signal.SIGCHLD:
            signal_all({runner}, signal.Signals(sign))
        elif (code := reap().get(runner)) is not None:
            return code


def _tell(orders: Orders, code: int, left: set[int], log: RunsLog) -> None:
    store = Store(Path("../.."))
    if left:
        pids = ", ".join(map(str, sorted(left)))
        text = f"could not be stopped: process {pids}"
        store.append(Event(EventKind.PROCESSES_LEFT, orders.agent, text, {"pids": sorted(left), "ports": []}))
    status = store.status(orders.agent)
    if status.state.is_live:
        if sys.platform != "linux":
            Tree(orders.run, session=status.agent_pid).end(_GRACE)
        now = time.time()
        store.set_status(
            orders.agent,
            replace(status, state=State.FAILED, since=now, ended=now, reason="its runner was killed", fault=Fault.LOST),
        )
    if status.state.is_live or code < 0:
        log.end("FAIL", KILLED)
