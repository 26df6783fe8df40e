"""What an agent that starts others may do: how many, how deep, and with no more rights than its own."""

from __future__ import annotations

from collections.abc import Iterable

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.permission import LEVELS, Level, is_as_strict
from agentdeck.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Caps:
    depth: int = 1
    """How many generations there may be below an agent that a person started."""
    children: int = 4
    """How many of an agent's own may run at once."""
    descendants: int = 8
    """How many agents there may be below one that a person started, running or not."""


def family(parent: Agent) -> tuple[str, ...]:
    """The parents of an agent that `parent` starts, the one that a person started first."""
    return (*parent.parents, parent.name)


def below(name: str, agents: Iterable[Agent]) -> list[Agent]:
    """The agents that `name` started, and that those started."""
    return [agent for agent in agents if name in agent.parents]


def refusal(parent: Agent, agents: Iterable[Agent], running: Iterable[str], caps: Caps) -> str:
    """Why `parent` may not start one more agent, as a sentence; empty where it may. `running` names those that run."""
    agents, running = list(agents), set(running)
    chain = family(parent)
    if len(chain) > caps.depth:
        if not parent.parents:
            return "Agents may start no agents here."
        return f"{parent.name} was started by an agent itself, and agents may be started {caps.depth} deep."
    mine = [agent.name for agent in agents if agent.parents == chain and agent.name in running]
    if len(mine) >= caps.children:
        return f"{parent.name} has {len(mine)} agents at work, which is as many as it may have."
    for name in chain:
        if (count := len(below(name, agents))) >= caps.descendants:
            return f"{name} has {count} agents below it, which is as many as there may be."
    return ""


def too_much(parent: Agent, *, tier: str | None, permission: str | None, any_command: bool) -> str:
    """What is asked for beyond what `parent` has, as a sentence; empty where nothing is."""
    if tier is not None and tier != parent.tier:
        return f"{parent.name} may start agents on its own tier only{f', {parent.tier}' if parent.tier else ''}."
    if any_command and parent.permission != Level.ALL:
        return f"{parent.name} may start agents, and no commands outside of its own permission."
    if permission is None or permission == parent.permission or is_as_strict(permission, _level(parent)):
        return ""
    return f"{parent.name} may give the permission {parent.permission or LEVELS[0]} and no more."


def _level(parent: Agent) -> str | None:
    return parent.permission or None
