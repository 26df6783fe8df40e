"""Wait until this machine has room for the run, and it is its turn."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from agentdeck.core.agents.admission import Lack, Obstacle
from agentdeck.core.agents.orders import Orders
from agentdeck.errors import DeckError
from agentdeck.system.state.startqueue import Place
from agentdeck.system.state.store import START_NOW

_EVERY = 1.0
"""Seconds between looks at the machine."""
_BUDGET_EVERY = 30.0
_UNPAID = "agentdeck.engine.providers.unpaid"
_TELL_EVERY = 60.0
"""Seconds after which new figures are told of what is told already."""


class Waiting:
    """`tell` is called with what it waits for. Where there can be no queue, it waits for nothing."""

    def __init__(self, orders: Orders, folder: Path, tell: Callable[[Obstacle], None]) -> None:
        self._rules, self._deck, self._mark, self._tell = orders.admission, orders.deck, folder / START_NOW, tell
        self._place: Place | None = None
        self._told: Obstacle | None = None
        self._told_at = self._next = self._budget_due = 0.0
        self._unpaid = ""
        self.is_over = self._rules is None
        if self._rules is not None:
            try:
                self._place = Place(self._rules, orders.agent, orders.deck, str(folder.absolute()), orders.cwd)
            except (OSError, DeckError):
                self.is_over = True

    def tick(self, now: float) -> float:
        """Look when that is due, or when a person wants it to begin; return when to look again."""
        wanted = self._mark.exists()
        if self.is_over or (now < self._next and not wanted):
            return self._next
        self._next = now + _EVERY
        found = None if wanted else self._over_budget(now)
        try:
            found = found or (self._place.admit(now=wanted) if self._place is not None else None)
        except (OSError, DeckError):
            found = None
        if found is None:
            self.is_over = True
            self._mark.unlink(missing_ok=True)
        elif self._told is None or found.lack is not self._told.lack or now >= self._told_at + _TELL_EVERY:
            self._told, self._told_at = found, now
            self._tell(found)
        return self._next

    def leave(self) -> None:
        """Make room for others; the end of this process does that too."""
        with contextlib.suppress(OSError):
            if self._place is not None:
                self._place.leave()

    def _over_budget(self, now: float) -> Obstacle | None:
        if self._rules is None or not self._rules.budgets:
            return None
        if now >= self._budget_due:
            from agentdeck.system.machine.process import run

            self._budget_due = now + _BUDGET_EVERY
            with contextlib.suppress(OSError, DeckError):
                # In a process of its own: the runner stays small, and the budget may have been raised meanwhile.
                asked = [sys.executable, "-I", "-m", _UNPAID, self._rules.budgets]
                self._unpaid = run(asked, timeout=60).text.strip()
        return Obstacle(Lack.BUDGET, self._unpaid) if self._unpaid else None
