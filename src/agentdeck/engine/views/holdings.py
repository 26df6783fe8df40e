"""What an agent holds."""

from __future__ import annotations

from agentdeck.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Holding:
    """One resource of an agent."""

    kind: str
    held: bool
    """False for one that is only intended."""
    text: str
    """What it is, in a phrase."""
