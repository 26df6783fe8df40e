"""What the conflict radar said."""

from __future__ import annotations

from dataclasses import dataclass

from agentdeck.core.merging.radar import Mark


@dataclass(frozen=True, slots=True)
class KnownMark:
    """What the radar said of an agent at its last look."""

    mark: Mark
    at: float
    """When it looked; seconds since the epoch."""
    holds: bool
    """Whether nothing is known to have changed since; edits of files are seen by a new look only."""
