"""Compute what git says of the agents, one at a time, and only where something moved since the last time."""

from __future__ import annotations

import time
from typing import Any

from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.review import GitFacts

_REST = 3.0
"""Seconds at least between two computations for the same agent; its output never stops for long."""
_REST_MANY = 0.5
"""Seconds more for every other agent: many that work at once get their turns less often."""
_SHARE = 10
"""The rest is at least so many times as long as the last computation took."""


class FactFinder:
    """Knows which agents' facts are out of date, and computes them."""

    def __init__(self, deck: Deck) -> None:
        self._review = deck.review
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._computed: dict[str, float] = {}
        self._took = 0.0
        self.facts: dict[str, GitFacts] = {}

    def forget_all_but(self, names: set[str]) -> bool:
        """Forget the agents that are not in `names`; say whether there was one."""
        gone = [name for name in self._seen if name not in names]
        for name in gone:
            self._seen.pop(name, None)
            self._computed.pop(name, None)
            self.facts.pop(name, None)
        return bool(gone)

    def due(self, views: list[AgentView]) -> AgentView | None:
        """The agent whose facts are out of date for the longest time; None where all are as they should be."""
        now = time.monotonic()
        rest = max(_REST + _REST_MANY * len(views), _SHARE * self._took * len(views))
        waiting = [
            view
            for view in views
            if now - self._computed.get(view.name, -rest) >= rest
            and self._review.signs(view) != self._seen.get(view.name)
        ]
        return min(waiting, key=lambda view: self._computed.get(view.name, 0.0), default=None)

    def _moved(self, view: AgentView) -> bool:
        return self._review.signs(view) != self._seen.get(view.name)

    def compute(self, view: AgentView) -> GitFacts:
        """Ask git; takes tens of milliseconds, or seconds in a very large worktree."""
        begun = time.monotonic()
        self._seen[view.name] = self._review.signs(view)
        facts = self._review.facts(view)
        self._computed[view.name] = time.monotonic()
        self._took = self._computed[view.name] - begun
        self.facts[view.name] = facts
        return facts
