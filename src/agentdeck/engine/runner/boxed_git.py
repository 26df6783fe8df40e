"""Bring what the git of an agent in a box writes into the repository, while it works and when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agentdeck.core.agents.orders import Orders
from agentdeck.errors import DeckError

_EVERY = 2.0
"""Seconds between looks at it."""


class BoxedGit:
    def __init__(self, orders: Orders) -> None:
        from agentdeck.system.box.own_git import OwnGit
        from agentdeck.system.git.repository import Repository

        folder = Path(orders.own_git)
        common = folder.parents[3]  # agentdeck/agents/NAME/git
        self._own = OwnGit(common, folder, orders.own_branches)
        self._repo = Repository(common, common, bare=True)
        self._next = 0.0
        self._told = ""

    def tick(self, now: float, tell: Callable[[str], None]) -> float:
        if now >= self._next:
            self.look(tell)
            self._next = now + _EVERY
        return self._next

    def look(self, tell: Callable[[str], None]) -> None:
        """Take in what is new; `tell` gets what can't come, once."""
        try:
            trouble = self._own.take_in(self._repo) if self._own.has_news() else ""
        except (DeckError, OSError) as error:
            trouble = str(error)
        if trouble and trouble != self._told:
            tell(trouble)
        self._told = trouble
