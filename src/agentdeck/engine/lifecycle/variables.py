"""The variables of an agent that the configuration and its resources give it."""

from __future__ import annotations

import os

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.inheritance import inherited
from agentdeck.core.config.placeholders import fill
from agentdeck.engine.lifecycle.resources import resource_variables
from agentdeck.engine.world import World, own_venv


def configured_variables(world: World, agent: Agent) -> dict[str, str]:
    """Those of `[agent.env]` as `agent` gets them."""
    tree, ports = agent.worktree, agent.ports
    values = {
        "name": agent.name,
        "index": str(agent.index),
        "port": str((ports.ports or [""])[0]) if ports else "",
        "worktree": tree.path if tree else "",
        "branch": tree.branch if tree else "",
    }
    return {name: fill(value, values) for name, value in world.settings.config.agent.env.items()}


def hook_environment(world: World, agent: Agent) -> dict[str, str | None]:
    """For a shell line of the person's own that is run in the worktree from here: as the agent has it, None for what it
    does not inherit."""
    away = dict.fromkeys(os.environ.keys() - inherited(os.environ, own_venv=own_venv()).keys())
    return away | configured_variables(world, agent) | agent.env | resource_variables(world, agent)
