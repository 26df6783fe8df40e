"""How an agent stands before its landing and after it, and back."""

from __future__ import annotations

import time

from agentdeck.core.agents.agent import State, Status
from agentdeck.core.frozen import replace
from agentdeck.engine.records.parts import AgentStanding, LandedAgent
from agentdeck.engine.world import World
from agentdeck.system.git.merges import is_ancestor


def around_landing(world: World, name: str, base: str, tip: str, new: str) -> LandedAgent:
    """What a step keeps of an agent whose work up to `tip` is in `base` with the commit `new`."""
    status, agent = world.store.status(name), world.store.agent(name)
    before = AgentStanding(status, agent.landed if agent else None)
    return LandedAgent(name, before, _landed(status, f"on {base} as {new[:10]}", tip, new))


def already_in(world: World, name: str, base: str, tip: str, at: str) -> AgentStanding:
    """How an agent stands whose work up to `tip` is in `base`, which is at `at`: as its landing left it, if any."""
    status, agent = world.store.status(name), world.store.agent(name)
    before, result = (agent.landed if agent else None) or ("", "")
    if before != tip or not is_ancestor(world.repo, result, at):
        return _landed(status, f"on {base}", tip, at)
    return _landed(status, f"on {base} as {result[:10]}", tip, result)


def _landed(status: Status, reason: str, tip: str, result: str) -> AgentStanding:
    return AgentStanding(replace(status, state=State.LANDED, since=time.time(), reason=reason), (tip, result))


def set_landed(world: World, name: str, standing: AgentStanding) -> None:
    """Let the agent stand like that. One that is gone stays so, and one that works again keeps its state."""
    agent = world.store.agent(name)
    if agent is None:
        return
    world.store.save(replace(agent, landed=standing.landed, landing_asked=""))
    if not world.store.status(name).state.is_live:
        world.store.put_status(name, standing.status)
