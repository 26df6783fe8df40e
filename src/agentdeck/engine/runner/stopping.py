"""End a run's processes step by step while its output is still passed on: INT, TERM, KILL."""

from __future__ import annotations

import signal
import time

from agentdeck.system.machine.tree import Tree, signal_all

_LOOK_AGAIN = 0.1
_GIVE_UP = 5.0
"""Seconds after the first KILL; what lives then does not die of it."""


class StopSequence:
    """Climbs one step whenever the grace of the last one is over; `done` when nothing of the run is left."""

    def __init__(self, tree: Tree, steps: list[tuple[signal.Signals, float]]) -> None:
        self._tree, self._steps = tree, list(steps)
        self._next = 0.0
        self._look = 0.0
        self._give_up = 0.0
        self.done = False

    def tick(self, now: float) -> float | None:
        """Do what is due; return when to be called again, None when all is done."""
        if self.done:
            return None
        if now >= self._look:
            alive = self._tree.members()
            self.done = not alive or 0 < self._give_up <= now
            self._look = now + _LOOK_AGAIN
            if not self.done:
                self._climb(alive, now)
        return None if self.done else self._look

    def _climb(self, alive: set[int], now: float) -> None:
        if self._give_up:
            self._tree.kill()
        elif now >= self._next:
            if not self._steps:
                self._give_up = now + _GIVE_UP
                self._tree.kill()
                return
            sign, grace = self._steps.pop(0)
            signal_all(alive, sign)
            self._next = now + grace

    def finish(self) -> None:
        """Go on to the end without a relay."""
        while (due := self.tick(time.monotonic())) is not None:
            time.sleep(max(0.0, due - time.monotonic()))


def full(tree: Tree, interrupt: float, terminate: float) -> StopSequence:
    """INT, TERM, KILL: for an agent that is to stop, which may first end in its own way."""
    return StopSequence(tree, [(signal.SIGINT, interrupt), (signal.SIGTERM, terminate)])


def rest(tree: Tree, terminate: float) -> StopSequence:
    """TERM, KILL: for what an agent left running when it ended."""
    return StopSequence(tree, [(signal.SIGTERM, terminate)])
