"""Who serves an agent's requests, and how the providers fare, as the gateway last wrote it down.

Standard library only: `agentdeck ls` loads it.
"""

from __future__ import annotations

from agentdeck.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Serving:
    """Who serves an agent now. `since` is seconds since the epoch."""

    provider: str
    """Empty when nobody can."""
    model: str
    primary: str
    reason: str
    """Why it is not the primary; empty when it is."""
    since: float

    @property
    def text(self) -> str:
        """Who serves and why, for a person; empty while it is the primary."""
        if not self.reason:
            return ""
        if not self.provider:
            return f"no provider serves ({self.reason})"
        return f"served by {self.provider}:{self.model} ({self.reason})"


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """A provider's breaker."""

    name: str
    state: str
    """`closed`: requests pass; `open`: it is left alone; `half-open`: the next request is its probe."""
    reason: str = ""
    until: float | None = None
    """Seconds since the epoch; None while it is closed."""
