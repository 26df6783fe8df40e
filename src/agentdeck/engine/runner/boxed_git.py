"""Bring what the git of an agent in a box writes into the repository, while it works and when it has ended.

What it starts in a box is also held to its own abstract sockets, which a box with an open network has not apart.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agentdeck.core.agents.orders import Orders
from agentdeck.core.box.box import HOME
from agentdeck.errors import DeckError
from agentdeck.system.terminal.pty import PtyRelay

_EVERY = 2.0
"""Seconds between looks at it."""


class BoxedGit:
    def __init__(self, orders: Orders, relay: PtyRelay, tell: Callable[[str], None]) -> None:
        """`tell` gets what can't come, once."""
        from agentdeck.system.box import abstract
        from agentdeck.system.box.own_git import OwnGit
        from agentdeck.system.git.repository import Repository

        folder = Path(orders.own_git)
        common = folder.parents[3]  # agentdeck/agents/NAME/git
        self._own = OwnGit(common, folder, orders.own_branches)
        self._repo = Repository(common, common, bare=True)
        self._tell, self._told = tell, ""
        before = relay.enter

        def enter() -> None:
            before()
            abstract.hold()

        relay.enter = enter
        self._next = 0.0

    def prepare(self, orders: Orders) -> None:
        """Make ready for the next program in the box."""
        from agentdeck.system.box.careful import make_ways

        make_ways(Path(orders.folder) / HOME, orders.box)

    def tick(self, now: float) -> float:
        if now >= self._next:
            self.look()
            self._next = now + _EVERY
        return self._next

    def look(self) -> None:
        """Take in what is new."""
        try:
            trouble = self._own.take_in(self._repo) if self._own.has_news() else ""
        except (DeckError, OSError) as error:
            trouble = str(error)
        if trouble and trouble != self._told:
            self._tell(trouble)
        self._told = trouble
