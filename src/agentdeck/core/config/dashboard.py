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
    """Whether the terminal's bell rings when an agent calls."""
    notifications: bool = True
    """Whether the terminal is asked to show a desktop notification then (OSC 9; not all can)."""
    call_for: list[Call] = Field(default=["waiting", "failed", "done"])
    """The states that an agent calls a person for when it gets into them."""
    title: bool = True
    """Whether the terminal's title says how many agents wait."""
