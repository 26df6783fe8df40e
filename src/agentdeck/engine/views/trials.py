"""Races and benchmarks, as the faces see them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.core.frozen import dataclass
from agentdeck.core.trials.race import Score
from agentdeck.core.trials.routing import Route
from agentdeck.engine.records.races import Race, Standing
from agentdeck.engine.views.money import Spending

if TYPE_CHECKING:
    from agentdeck.core.config.suite import Suite

__all__ = ["BenchRequest", "Race", "RouteReport", "Score", "Standing"]


@dataclass(frozen=True, slots=True)
class BenchRequest:
    suite: Suite
    tiers: tuple[str, ...]
    out: Path
    """The file of results, one JSON object a line; runs that it has under the same `id` are not run again."""
    repeat: int = 1
    id: str = ""
    """Empty: a new benchmark."""
    profile: str = ""
    jobs: int = 0
    """How many run at once; 0: as `queue.jobs` says."""
    box: bool = True
    """Whether the agents have a box, so that they can't read the checks."""


@dataclass(frozen=True, slots=True)
class RouteReport:
    route: Route
    chain: tuple[str, ...]
    """Who serves that tier; empty where it is not configured, so that the agent's own provider does."""
    spent: Spending
    """By tier."""
    deepest: tuple[str, float] | None
    """The model that leads the tier `deep`, and what all would have cost with it; None where that is not known."""
