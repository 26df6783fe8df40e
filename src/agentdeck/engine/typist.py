"""Type the task into a program that takes it at its prompt only, once it is up."""

from __future__ import annotations

import time
from collections.abc import Callable

from agentdeck.core.agent import State
from agentdeck.core.orders import Orders
from agentdeck.engine.watch import Watch

_ENTER_AFTER = 0.2
"""Seconds between a typed prompt and its Enter: CLIs take an Enter in the same read for a part of the text."""
_READY_AFTER = 15.0
"""Seconds of the program after which a task is typed even though the screen does not show that the program takes it."""
_PASTE_ON, _PASTE_OFF = b"\x1b[?2004h", b"\x1b[?2004l"


class Typist:
    """All times are monotonic."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._launched = time.monotonic()
        self._typed_at: float | None = None
        self._entered = False
        self._wants_paste = False
        self._tail = b""
        """The end of the output, in which the beginning of a sequence may be."""

    def launched(self) -> None:
        """The program has just been started, and is no longer what is typed to."""
        self.begin()
        self._launched = time.monotonic()
        self._wants_paste, self._tail = False, b""

    def begin(self) -> None:
        """There is another text to type."""
        self._typed_at, self._entered = None, False

    def output(self, data: bytes) -> None:
        """Learn from what the program prints whether it tells a paste from keys."""
        seen = self._tail + data
        on, off = seen.rfind(_PASTE_ON), seen.rfind(_PASTE_OFF)
        if on != off:
            self._wants_paste = on > off
        self._tail = seen[1 - len(_PASTE_ON) :]

    def tick(self, orders: Orders, watch: Watch, now: float) -> float | None:
        """Do what is due; return when the next of it is."""
        if not orders.typed or not watch.rested or watch.status.state is State.WAITING:
            return None
        # Some CLIs rest long before they take a key. One whose screen tells when it is idle is waited for.
        patient_until = self._launched + _READY_AFTER
        if orders.detectors.done and watch.status.state is not State.DONE and now < patient_until:
            return patient_until
        if self._entered:
            return None
        if self._typed_at is None:
            text = orders.typed.encode("utf-8", "surrogateescape")
            self._send(b"\x1b[200~" + text + b"\x1b[201~" if self._wants_paste else text)
            self._typed_at = now
        if now >= self._typed_at + _ENTER_AFTER:
            self._send(b"\r")
            self._entered = True
            return None
        return self._typed_at + _ENTER_AFTER
