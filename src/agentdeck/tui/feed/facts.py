"""Compute what git says of the agents, one at a time, and only where something moved since the last time."""

from __future__ import annotations

import os
import time
from typing import Any

from agentdeck.core.agents.agent import Phase, State
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.review import GitFacts

_REST = 3.0
"""Seconds at least between two computations for the same agent; its output never stops for long."""
_REST_MANY = 0.5
"""Seconds more for every other agent: many that work at once get their turns less often."""
_SHARE = 10
"""The rest is at least so many times the processor time of the last computation."""


def spent() -> float:
    """Seconds of processor time of this thread and of the processes that the program has started; the clock would count
    what others do on a busy machine."""
    used = os.times()
    return time.thread_time() + used.children_user + used.children_system


class FactFinder:
    """Knows which agents' facts are out of date, and computes them."""

    def __init__(self, deck: Deck) -> None:
        self._review = deck.review
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._computed: dict[str, float] = {}
        self._state_since: dict[str, float] = {}
        """Since when each agent stood as it did when its facts were computed."""
        self._took = 0.0
        self.facts: dict[str, GitFacts] = {}

    def forget_all_but(self, names: set[str]) -> bool:
        """Forget the agents that are not in `names`; say whether there was one."""
        gone = [name for name in self._seen if name not in names]
        for name in gone:
            self._seen.pop(name, None)
            self._computed.pop(name, None)
            self._state_since.pop(name, None)
            self.facts.pop(name, None)
        return bool(gone)

    def due(self, views: list[AgentView]) -> AgentView | None:
        """The agent whose facts are out of date for the longest time, one whose turn has just ended at once; None where
        all are as they should be."""
        now = time.monotonic()
        # One that is being restored has no worktree yet: it would be told that nothing changed.
        views = [view for view in views if view.agent.phase is not Phase.RESTORING]
        rest = max(_REST + _REST_MANY * len(views), _SHARE * self._took * len(views))
        rests = [view for view in views if view.state not in (State.STARTING, State.WORKING)]
        if ended := [view for view in rests if self._state_since.get(view.name) != view.status.since]:
            return ended[0]
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
        before = spent()
        self._state_since[view.name] = view.status.since
        self._seen[view.name] = self._review.signs(view)
        facts = self._review.facts(view)
        self._computed[view.name] = time.monotonic()
        self._took = spent() - before
        self.facts[view.name] = facts
        return facts
