"""Hosts, as the faces see them."""

from __future__ import annotations

from dataclasses import dataclass

from agentdeck.core.fleet.facts import Facts, HeldAgent
from agentdeck.core.fleet.placement import HostState, Judgement, Needs

__all__ = ["Facts", "HeldAgent", "HostState", "HostView", "Judgement", "Needs"]


@dataclass(frozen=True, slots=True)
class HostView:
    """A host at one moment."""

    name: str
    reach: str
    """How to get there, for a person."""
    labels: tuple[str, ...]
    facts: Facts | None
    """None where it does not answer."""
    trouble: str = ""
    """Why it can't be used, as the end of a sentence; empty where it can."""
    lost: float = 0.0
    """When it was given up; 0 for one that was not."""
