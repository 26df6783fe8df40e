"""The table `[dashboard]`: how it looks, and what it calls a person for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agentdeck.core.config.section import Section

Call = Literal["waiting", "failed", "done"]


class DashboardConfig(Section):
    theme: str = "dark"
    """`dark`, `light`, or the name of any theme of Textual's, such as `nord` or `gruvbox`."""
    bell: bool = True
    """Whether the terminal's bell rings when an agent needs you."""
    notifications: bool = True
    """Whether the terminal shows a desktop notification then (OSC 9; not all terminals can)."""
    call_for: list[Call] = Field(default=["waiting", "failed", "done"])
    """The states in which an agent needs you."""
    title: bool = True
    """Whether the terminal's title shows how many agents wait."""
