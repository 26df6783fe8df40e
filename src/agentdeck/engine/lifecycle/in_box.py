"""What is run in an agent's worktree for it, from outside: in its box, where it has one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from agentdeck.core.agents.agent import Agent
from agentdeck.engine.lifecycle.variables import hook_environment
from agentdeck.engine.world import World


def in_its_box(world: World, agent: Agent, argv: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str | None]]:
    """The command line, and its environment over our own, None for what it does not inherit. Without network in a box,
    unless the gate has one there. Raise DeckError where it has a box that can't be had."""
    environment = hook_environment(world, agent)
    if not agent.box:
        return tuple(argv), environment
    from agentdeck.core.box.box import BoxMode, NetworkReach
    from agentdeck.engine.box.boxes import boxed

    merged = {**os.environ, **environment}
    found = {name: value for name, value in merged.items() if value is not None}
    is_open = agent.box == BoxMode.FILES and world.settings.config.box.gate_network
    box = boxed(world, agent, found, reach=NetworkReach.OPEN if is_open else NetworkReach.NONE)
    own = (sys.executable, "-I", "-m", "agentdeck.system.box.abstract") if is_open else ()
    return (*own, *box.words, *argv), dict.fromkeys(os.environ) | box.environment
