"""All that an agent holds, acquired in order and released in reverse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent, Phase
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.leases import Lease
from agentdeck.core.frozen import replace
from agentdeck.engine.lifecycle import leases
from agentdeck.engine.lifecycle.pane import PaneResource
from agentdeck.engine.lifecycle.resources import RESOURCES, Presence, Resource
from agentdeck.engine.views.holdings import Holding
from agentdeck.engine.world import Note, World
from agentdeck.system.machine.ahead import load_ahead
from agentdeck.system.machine.process import check_cancelled

STACK: tuple[Resource[Any], ...] = (*RESOURCES, PaneResource())
_FOR_ALL_OF_IT = (
    "shutil",
    "socket",
    "agentdeck.system.databases",
    "agentdeck.engine.lifecycle.launch",
    "agentdeck.engine.profiles.allowing",
)
BY_KIND = {resource.kind: resource for resource in STACK}


def holdings(agent: Agent) -> list[Holding]:
    """What `agent` holds or is about to hold, in the order of acquisition."""
    found = []
    for lease in agent.leases:
        resource = BY_KIND.get(lease.kind)
        found.append(Holding(lease.kind, lease.held, resource.describe(lease) if resource else ""))
    return found


def acquire_all(world: World, agent: Agent, note: Note) -> Agent:
    """Acquire, in order, what `agent` does not hold yet; return it as it then stands, for the caller to save.

    What is held is written down before the next thing is acquired, in one go with the intention to do that.
    """
    load_ahead(*_FOR_ALL_OF_IT)  # git takes its time to make the worktree
    saved = agent
    try:
        for resource in STACK:
            check_cancelled()
            lease = agent.lease(resource.kind)
            if lease is None:
                data = resource.plan(world, agent)
                if data is None:
                    continue
                lease = Lease(resource.kind, held=False, data=data)
                agent = saved = _saved(world, agent.with_lease(lease))
                world.note(Event(EventKind.RESOURCE_INTENDED, agent.name, data={"kind": resource.kind}), note)
            leases.check(world, agent, lease)
            if lease.held and resource.check(world, agent, lease) is Presence.HELD:
                continue
            if saved is not agent:
                saved = _saved(world, agent)
            lease = replace(lease, held=True, data=resource.acquire(world, agent, lease))
            agent = agent.with_lease(lease)
            text = f"{resource.kind}: {resource.describe(lease)}"
            world.note(Event(EventKind.RESOURCE_ACQUIRED, agent.name, text, {"kind": resource.kind}), note)
            if lease.note:
                world.note(Event(EventKind.WARNING, agent.name, lease.note, {"kind": resource.kind}), note)
    except BaseException:
        if saved is not agent:
            _saved(world, agent)
        raise
    return agent


def _saved(world: World, agent: Agent) -> Agent:
    world.store.save(agent)
    return agent


def release_all(world: World, agent: Agent, note: Note, saved: Path | None) -> Agent:
    """Release, in reverse order, all that `agent` holds or may hold; `saved` is where what it holds is kept.

    What was released by then is written down where something fails. After a crash it is released once more.
    """
    if agent.phase is not Phase.RELEASING:
        agent = _saved(world, replace(agent, phase=Phase.RELEASING))
    try:
        for lease in reversed(agent.leases):
            resource, why = BY_KIND[lease.kind], leases.doubt(world, agent, lease)
            left = (
                f"its {lease.kind} was left unchanged: {why}" if why else resource.release(world, agent, lease, saved)
            )
            text = f"{resource.kind}: {resource.describe(lease)}"
            agent = agent.without_lease(lease.kind)
            world.note(Event(EventKind.RESOURCE_RELEASED, agent.name, text, {"kind": resource.kind}), note)
            if left:
                world.note(Event(EventKind.WARNING, agent.name, left, {"kind": resource.kind}), note)
    except BaseException:
        _saved(world, agent)
        raise
    return agent
