"""Compute what git says of the agents, one at a time, and only where something moved since the last time."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent
from agentdeck.core.text.text import plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.errors import DeckError
from agentdeck.system.files.files import sign
from agentdeck.tui.feed.reading import telling_files
from agentdeck.tui.feed.snapshot import GitFacts
from agentdeck.tui.look.telling import sentence

_REST = 3.0
"""Seconds at least between two computations for the same agent; its output never stops for long."""
_REST_MANY = 0.5
"""Seconds more for every other agent: many that work at once get their turns less often."""
_SHARE = 10
"""The rest is at least so many times as long as the last computation took."""


class FactFinder:
    """Knows which agents' facts are out of date, and computes them."""

    def __init__(self, deck: Deck) -> None:
        self._repo = deck.world.repo
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._files: dict[str, tuple[Agent, tuple[str, ...]]] = {}
        self._computed: dict[str, float] = {}
        self._took = 0.0
        self.facts: dict[str, GitFacts] = {}

    def forget_all_but(self, names: set[str]) -> bool:
        """Forget the agents that are not in `names`; say whether there was one."""
        gone = [name for name in self._seen if name not in names]
        for name in gone:
            self._seen.pop(name, None)
            self._files.pop(name, None)
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
            if now - self._computed.get(view.name, -rest) >= rest and self._signs(view) != self._seen.get(view.name)
        ]
        return min(waiting, key=lambda view: self._computed.get(view.name, 0.0), default=None)

    def _signs(self, view: AgentView) -> tuple[Any, ...]:
        """Whatever moves when the agent commits, stages, prints or ends, or when its base moves."""
        lease = view.agent.lease("worktree")
        if lease is None or not lease.held:
            return ()
        known = self._files.get(view.name)
        if known is None or known[0] is not view.agent:
            # Paths take longer to make than to look at.
            known = self._files[view.name] = view.agent, telling_files(self._repo.common, view.agent)
        return *map(sign, known[1]), os.path.isdir(lease.data["path"]), sign(f"{lease.data['path']}/.git"), view.state  # noqa: PTH112 - as above

    def compute(self, view: AgentView) -> GitFacts:
        """Ask git; takes tens of milliseconds, or seconds in a very large worktree."""
        begun = time.monotonic()
        self._seen[view.name] = self._signs(view)
        facts = self._compute(view)
        self._computed[view.name] = time.monotonic()
        self._took = self._computed[view.name] - begun
        self.facts[view.name] = facts
        return facts

    def _compute(self, view: AgentView) -> GitFacts:
        from agentdeck.system.git.branches import ahead_behind
        from agentdeck.system.git.changes import changes_at_a_glance
        from agentdeck.system.git.identity import inside

        lease = view.agent.lease("worktree")
        if lease is None or not lease.held:
            return GitFacts()
        path = Path(lease.data["path"])
        if not path.is_dir():
            return GitFacts(problem=f"its worktree is gone: {path}")
        origin = lease.data["base_commit"]
        base = view.base or origin
        try:
            ahead, behind = ahead_behind(inside(self._repo, path), "HEAD", base)
            # Against where it came from only when its work has landed: what it merged from its base is not its own.
            changed = changes_at_a_glance(self._repo, path, base if ahead else origin)
        except (DeckError, OSError, ValueError) as error:
            return GitFacts(problem=self._missing(path, base) or sentence(error, hint=False))
        return GitFacts(ahead, behind, changed.added, changed.deleted)

    def _missing(self, worktree: Path, base: str) -> str:
        """What there has to be and is not, that git does not say in words for a person; else empty."""
        from agentdeck.system.git.identity import inside

        with suppress(DeckError, OSError):
            here = inside(self._repo, worktree)
            if here.commit("HEAD") is None:
                return "it has no commit"
            if here.commit(base) is None:
                return f"its base “{plain(base)}” is gone"
        return ""
