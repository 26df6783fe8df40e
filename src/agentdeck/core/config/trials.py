"""The table `[race]`: how agents that race are measured."""

from __future__ import annotations

from agentdeck.core.config.section import Section


class RaceConfig(Section):
    """How `agentdeck run --race` measures the agents, beside the gate."""

    metric: str = ""
    """A shell line, run on the result of each after the gate; the last number that it prints is the measure, such as
    `pytest -q | tail -1` or `wc -c < dist/app.js`. Empty: size, cost and time decide."""
    lower: bool = False
    """Whether the lower number is the better one."""
