"""Hold INT, TERM and HUP back from the whole process while something is done that must not be cut in two.

A thread's signal mask is not enough: the kernel gives a signal to any thread that does not block it, and Python's main
thread then acts on it. So each handler is wrapped in one that waits for as long as any thread is in such a block.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


_PAUSE = 0.1
"""Seconds between the last block and the next one, after a signal came."""
_PATIENCE = 2.0
"""Seconds that a new block waits for a signal to act that came in another."""


@dataclass(slots=True)
class _State:
    blocks: int = 0
    """Those that threads are in."""
    arrived: list[int] = field(default_factory=list)
    """What came meanwhile."""
    free: float = 0.0
    """When the next block may begin; until then what came may act."""


_state = _State()
_lock = threading.RLock()
"""One that can be taken twice, for a handler may run while the main thread has it."""
_thread = threading.local()


@dataclass(frozen=True, eq=False, slots=True)
class _Waiting:
    """A handler that leaves a signal for later while any thread is in a block."""

    handler: Callable[[int, FrameType | None], Any] | int
    """What is done about it; a number is one of `signal.Handlers`."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        with _lock:
            if _state.blocks:
                _state.arrived += [] if number in _state.arrived else [number]
                return
            if not callable(self.handler):
                signal.signal(number, self.handler)
                signal.raise_signal(number)
                return
        self.handler(number, frame)


def prepare() -> None:
    """Let `uninterrupted` hold in every thread from now on; for the main thread, which alone may set handlers."""
    for number in _HELD if threading.current_thread() is threading.main_thread() else ():
        handler = signal.getsignal(number)
        if handler is not None and handler is not signal.SIG_IGN and not isinstance(handler, _Waiting):
            signal.signal(number, _Waiting(handler))


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold INT, TERM and HUP back until the block has ended, from us and from the programs that are started in it."""
    prepare()
    depth = getattr(_thread, "depth", 0)
    deadline = time.monotonic() + _PATIENCE
    while not depth and time.monotonic() < (deadline if _state.arrived else _state.free):
        time.sleep(0.01)  # blocks that follow each other closely would hold it back for ever
    with _lock:
        _state.blocks += 1
    try:
        _thread.depth = depth + 1
        # For the programs, which inherit it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    finally:
        _thread.depth = depth
        with _lock:
            _state.blocks -= 1
            waiting = [] if _state.blocks else _state.arrived
            if waiting:
                _state.arrived, _state.free = [], time.monotonic() + _PAUSE
        for number in waiting:
            os.kill(os.getpid(), number)
