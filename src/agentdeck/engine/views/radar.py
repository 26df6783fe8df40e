"""What the conflict radar said."""

from __future__ import annotations

from agentdeck.core.frozen import dataclass
from agentdeck.core.merging.conflicts import Hunk
from agentdeck.core.merging.radar import Mark


@dataclass(frozen=True, slots=True)
class KnownMark:
    """What the radar said of an agent at its last look."""

    mark: Mark
    at: float
    """When it looked; seconds since the epoch."""
    holds: bool
    """Whether nothing is known to have changed since; edits of files are seen by a new look only."""


@dataclass(frozen=True, slots=True)
class LineOwner:
    """Who wrote lines of a branch that an agent's work conflicts with."""

    commit: str
    author: str
    subject: str
    agent: str = ""
    """The agent that landed the commit; empty where none is known to."""
    task: str = ""
    step: int = 0
    """The step that takes its landing back; 0 where there is none, or none any more."""


@dataclass(frozen=True, slots=True)
class CollisionPlace:
    """One place that two sides can't agree on: lines of a file, or a path as a whole."""

    path: str
    kind: str
    text: str
    """git's sentence."""
    hunk: Hunk | None = None
    ours: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    owners: tuple[LineOwner, ...] = ()
    """Who wrote `theirs`, where that side is a branch."""

    @property
    def where(self) -> str:
        return f"{self.path}:{self.hunk}" if self.hunk is not None else f"{self.path} ({self.kind})"


@dataclass(frozen=True, slots=True)
class Collision:
    """All places in which the work of the agent `ours` conflicts with another agent's, or with a branch."""

    ours: str
    task: str
    theirs: str
    is_agent: bool
    """Whether `theirs` is an agent."""
    their_task: str
    places: tuple[CollisionPlace, ...]
