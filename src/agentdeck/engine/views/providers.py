"""How the gateway and the providers fare, and when others than the first served."""

from __future__ import annotations

from collections.abc import Mapping

from agentdeck.core.frozen import dataclass, field
from agentdeck.core.providers.serving import ProviderHealth, Serving

__all__ = [
    "GatewayState",
    "MarkedCommit",
    "ProviderHealth",
    "Served",
    "Serving",
    "TimeFailedOver",
]


@dataclass(frozen=True, slots=True)
class GatewayState:
    running: bool
    wanted: bool
    """Whether it should be there: somebody started it, and nobody stopped it since."""
    pid: int | None = None
    port: int | None = None
    started: float | None = None
    providers: tuple[ProviderHealth, ...] = ()
    agents: Mapping[str, Serving] = field(default_factory=dict)
    """Who serves each agent that the gateway knows."""


@dataclass(frozen=True, slots=True)
class Served:
    """A model of the user's own that is served in a window."""

    window: str
    base_url: str
    model: str


@dataclass(frozen=True, slots=True)
class MarkedCommit:
    commit: str
    subject: str
    at: float
    """When it was committed."""


@dataclass(frozen=True, slots=True)
class TimeFailedOver:
    """One time in which a backup served. Times are seconds since the epoch; `end` is None while it goes on.

    Where another profile went on for it, `provider` is that, and `model` is empty.
    """

    start: float
    end: float | None
    provider: str
    model: str
    reason: str
    commits: tuple[MarkedCommit, ...] = ()
    """Those with work of that time in them: the first one after it ended is among them."""
