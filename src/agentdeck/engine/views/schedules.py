"""What the clock starts."""

from __future__ import annotations

from datetime import datetime

from agentdeck.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    name: str
    cron: str
    zone: str
    what: str
    """The task, or the file of tasks."""
    following: tuple[datetime, ...]
    """Its next three slots."""
    last: str = ""
    """What became of its last slot, in a phrase; empty: nothing yet."""
    agent: str = ""
    """The one that it started last."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What one look at the clock did with one schedule."""

    schedule: str
    act: str
    """start, missed, skipped, deferred or failed."""
    text: str
    agent: str = ""
