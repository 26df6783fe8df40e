"""Hosts, as the faces see them."""

from __future__ import annotations

from agentdeck.core.fleet.facts import Facts, HeldAgent
from agentdeck.core.fleet.placement import HostState, Judgement, Needs
from agentdeck.core.frozen import dataclass
from agentdeck.engine.views import Check
from agentdeck.system.fleet.hostlist import ANY, HostSpec

__all__ = ["ANY", "Facts", "HeldAgent", "HostLook", "HostState", "HostView", "Judgement", "Needs"]


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
    drained: float = 0.0
    """Since when nothing new starts there; 0 where something may."""
    provider: str = ""
    """Where it comes from; empty: a person added it."""
    ends: float = 0.0
    """When its time ends; 0: it has no limit."""

    @classmethod
    def of(cls, spec: HostSpec, facts: Facts | None = None) -> HostView:
        shown, provider, ends = spec.reach.shown, spec.provider, spec.ends
        return cls(spec.name, shown, spec.labels, facts, spec.trouble, spec.lost, spec.drained, provider, ends)


@dataclass(frozen=True, slots=True)
class HostLook:
    """A host for somebody who keeps looking."""

    view: HostView
    known: bool = True
    """Whether it was asked yet."""
    since: float = 0.0
    """Since when it answers, or does not."""
    latency: float | None = None
    """Seconds that a question and its answer take on the way."""
    checks: tuple[Check, ...] = ()
    """What is to be said of it, point by point."""
