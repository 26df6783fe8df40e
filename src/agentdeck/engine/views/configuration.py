"""One key of the configuration."""

from __future__ import annotations

from agentdeck.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    path: tuple[str, ...]
    name: str
    """The path with points: `dashboard.theme`."""
    value: str
    """As TOML writes it; “” for none."""
    origin: str
    """The file and line that it is from, or `default`."""
