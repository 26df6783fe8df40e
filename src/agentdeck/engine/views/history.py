"""What was done that can be undone, and what can be cleared away."""

from __future__ import annotations

from agentdeck.core.frozen import dataclass
from agentdeck.engine.records.parts import part_to_json, undoing
from agentdeck.engine.records.steps import Step

__all__ = ["Stale", "Step", "part_to_json", "undoing"]


@dataclass(frozen=True, slots=True)
class Stale:
    """One thing that can go."""

    kind: str
    """`agent`, `branch`, `worktree record`, `database`, `ports`, `window`, `gateway`, `files`, `log`, `landing`,
    `trash`."""
    what: str
    why: str
    room: int
    """Bytes on disk; 0 where that is nothing worth telling."""
    can_be_undone: bool
