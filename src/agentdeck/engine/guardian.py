"""The process that outlives a runner that was killed: it ends the agent's processes, and says what happened."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace

from agentdeck.core.agent import Fault, State
from agentdeck.core.orders import Orders
from agentdeck.system.store import Store
from agentdeck.system.tree import end_all

_GRACE = 2.0
_GOODBYE = b"."


def fork_guardian(orders: Orders, store: Store, log_end: Callable[[str, int], None]) -> int:
    """Start it; return the descriptor by which it knows that we live. It costs nothing until that is closed.

    It has left our session and holds none of our files or locks, so that whatever ends us does not end it.
    """
    read, write = os.pipe()
    if os.fork():
        os.close(read)
        return write
    try:
        _guard(orders, store, read, log_end)
    finally:
        os._exit(0)


def say_goodbye(descriptor: int) -> None:
    os.write(descriptor, _GOODBYE)
    os.close(descriptor)


def _guard(orders: Orders, store: Store, read: int, log_end: Callable[[str, int], None]) -> None:
    os.setsid()
    for sign in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    os.closerange(0, read)
    os.closerange(read + 1, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 65536 else 65536)
    if os.read(read, 1) == _GOODBYE:
        return
    status = store.status(orders.agent)
    end_all(orders.run, status.agent_pid, _GRACE)
    if status.state.is_live:
        now = time.time()
        lost = replace(
            status, state=State.FAILED, since=now, ended=now, reason="its runner was killed", fault=Fault.LOST
        )
        store.set_status(orders.agent, lost)
    log_end("FAIL", 137)
