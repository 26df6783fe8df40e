"""End a run's processes step by step while its output is still passed on: INT, TERM, KILL."""

from __future__ import annotations

import signal
import time

from agentdeck.system.tree import members, signal_all

_LOOK_AGAIN = 0.1


class Ladder:
    """Climbs one step whenever the grace of the last one is over; `done` when nothing of the run is left."""

    def __init__(self, run: str, session: int | None, steps: list[tuple[signal.Signals, float]]) -> None:
        self._run, self._session, self._steps = run, session, list(steps)
        self._next = 0.0
        self._look = 0.0
        self.done = False

    def tick(self, now: float) -> float | None:
        """Do what is due; return when to be called again, None when all is done."""
        if self.done:
            return None
        if now >= self._look:
            alive = members(self._run, self._session)
            self.done = not alive
            self._look = now + _LOOK_AGAIN
            if alive and now >= self._next:
                self._climb(alive, now)
        return None if self.done else self._look

    def _climb(self, alive: set[int], now: float) -> None:
        sign, grace = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        signal_all(alive, sign)
        self._next = now + grace

    def finish(self) -> None:
        """Go on to the end without a relay."""
        while (due := self.tick(time.monotonic())) is not None:
            time.sleep(max(0.0, due - time.monotonic()))


def full(run: str, session: int | None, interrupt: float, terminate: float) -> Ladder:
    """For an agent that is to stop: it may first end in its own way."""
    return Ladder(run, session, [(signal.SIGINT, interrupt), (signal.SIGTERM, terminate), (signal.SIGKILL, 1.0)])


def rest(run: str, session: int | None, terminate: float) -> Ladder:
    """For what an agent left running when it ended."""
    return Ladder(run, session, [(signal.SIGTERM, terminate), (signal.SIGKILL, 1.0)])
