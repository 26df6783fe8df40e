"""How the gateway and the providers fare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentdeck.core.providers.serving import ProviderHealth, Serving


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
