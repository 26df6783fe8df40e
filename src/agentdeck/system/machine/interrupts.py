"""Delay INT, TERM and HUP in the whole process until a block that must not be interrupted has ended.

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
from types import FrameType
from typing import Any

from agentdeck.core.frozen import dataclass, field

_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


_PAUSE = 0.1
"""After a signal arrived, seconds for which no new block starts, so that the signal's handler can run."""
_PATIENCE = 2.0
"""Seconds that a new block waits at most for the handler of a signal that arrived during another block."""


@dataclass(slots=True)
class _State:
    blocks: int = 0
    """How many blocks are active, over all threads."""
    arrived: list[int] = field(default_factory=list)
    """The signals that arrived during a block, each once."""
    free: float = 0.0
    """The time from which a new block may start; until then delayed signals are handled."""


_state = _State()
_lock = threading.RLock()
"""Reentrant: a handler may run while the main thread holds it."""
_thread = threading.local()


@dataclass(frozen=True, eq=False, slots=True)
class _Waiting:
    """A handler that delays its signal while any thread is in a block."""

    handler: Callable[[int, FrameType | None], Any] | int
    """The original handler; a number is one of `signal.Handlers`."""

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
    """Wrap the handlers, so that `uninterrupted` works in every thread. Only the main thread can set handlers."""
    for number in _HELD if threading.current_thread() is threading.main_thread() else ():
        handler = signal.getsignal(number)
        if handler is not None and handler is not signal.SIG_IGN and not isinstance(handler, _Waiting):
            signal.signal(number, _Waiting(handler))


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay INT, TERM and HUP until the block has ended, for this process and for programs started in the block."""
    prepare()
    depth = getattr(_thread, "depth", 0)
    deadline = time.monotonic() + _PATIENCE
    while not depth and time.monotonic() < (deadline if _state.arrived else _state.free):
        time.sleep(0.01)  # or blocks in close succession would delay a signal for ever
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
