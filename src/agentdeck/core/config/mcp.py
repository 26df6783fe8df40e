"""The table `[mcp]`: what agents may do through the deck."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agentdeck.core.config.section import Section


class McpConfig(Section):
    """Agents that start, ask and read other agents; needs the extra `agentdeck[mcp]`."""

    agents: bool = False
    """Whether each agent gets the deck's tools, where its profile has a way to tell it of them."""
    depth: Annotated[int, Field(ge=0, le=5)] = 1
    """How many generations of agents there may be below one that a person started; 0: agents start none."""
    children: Annotated[int, Field(ge=0)] = 4
    """How many agents one agent may have at work at once."""
    descendants: Annotated[int, Field(ge=0)] = 8
    """How many agents there may be below one that a person started, running or not."""
    land: Literal["person", "gate"] = "person"
    """Who lands what an agent asks to land: a person, who is told of it; or the gate, where there is one."""
