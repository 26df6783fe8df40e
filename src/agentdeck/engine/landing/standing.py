"""How an agent stands before its landing and after it, and back."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from agentdeck.core.agents.agent import Agent, State, Status
from agentdeck.engine.world import World


def around_landing(world: World, name: str, base: str, tip: str, new: str) -> dict[str, Any]:
    """What a step keeps of an agent whose work up to `tip` is in `base` with the commit `new`: its `name`, and how it
    stands `before` and `after`, as `set_landed` takes it."""
    status, agent = world.store.status(name), world.store.agent(name)
    after = replace(status, state=State.LANDED, since=time.time(), reason=f"on {base} as {new[:10]}")
    return {
        "name": name,
        "before": {"status": status.to_json(), "landed": agent.landed if agent else None},
        "after": {"status": after.to_json(), "landed": (tip, new)},
    }


def set_landed(world: World, name: str, facts: dict[str, Any]) -> None:
    """Let the agent stand as `facts` say: its `status`, and its `landed` (see Agent). One that is gone stays so, and
    one that works again keeps its state."""
    agent = world.store.agent(name)
    if agent is None:
        return
    world.store.save(Agent.from_json({**agent.to_json(), "landed": facts["landed"]}))
    if not world.store.status(name).state.is_live:
        world.store.put_status(name, Status.from_json(facts["status"]))
