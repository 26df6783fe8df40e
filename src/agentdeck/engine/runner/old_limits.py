"""Which words of a limit on an agent's screen are old: a limit that is over, or what the agent was told of one."""

from __future__ import annotations

import time

from agentdeck.core.agents.detect import count, detect
from agentdeck.core.agents.orders import Detectors
from agentdeck.core.frozen import replace

_HISTORY = 20.0
"""Seconds in which a program that tells of no turn has shown its history."""


class OldLimits:
    def __init__(self, detectors: Detectors) -> None:
        self._detectors = detectors
        self._old = 0
        """How many places of the screen tell of a limit that is over."""
        self._told = 0
        """How many places of what it was told seem to tell of a limit."""
        self._shows_history = False
        self._history_until = 0.0

    def was_told(self, text: str, *, history: bool) -> None:
        """`text` is put on the screen by us; that it speaks of a limit means nothing. With `history` the program shows
        what was on its screen when it was limited."""
        self._told = count(text, self._detectors.limited)
        self._shows_history = history
        self._history_until = time.monotonic() + _HISTORY

    def turn_began(self, screen: str) -> None:
        """What comes now is no history."""
        if self._shows_history:
            self._shows_history = False
            self.are_over(screen)

    def are_over(self, screen: str) -> None:
        """All that the screen says of a limit now is old."""
        self._old = count(screen, self._detectors.limited)

    def heeded(self, screen: str) -> Detectors:
        """The rules, without those for limits where all that the screen says of a limit is old, nor those for failures
        where they see the same."""
        if self._shows_history:
            if time.monotonic() > self._history_until:
                self._shows_history = False
            self.are_over(screen)
        if self._old or self._told:
            shown = count(screen, self._detectors.limited)
            self._old = min(self._old, shown)
            if shown <= self._old + self._told:
                return replace(
                    self._detectors, limited=(), failed=() if self._fails_by_it(screen) else self._detectors.failed
                )
        return self._detectors

    def _fails_by_it(self, screen: str) -> bool:
        limit = detect(screen, Detectors(limited=self._detectors.limited))
        failure = detect(screen, Detectors(failed=self._detectors.failed))
        return limit is not None and failure is not None and limit[1] == failure[1]
