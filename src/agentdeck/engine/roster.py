"""Which agents there are, as a person sees them."""

from __future__ import annotations

from agentdeck.core.agents.agent import Agent
from agentdeck.core.text.text import listed
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import AgentView, view_of, views_of
from agentdeck.engine.world import World
from agentdeck.errors import NotFoundError, UsageError


def agents(world: World) -> list[AgentView]:
    """See Deck.agents."""
    if not world.store.exists:
        return []
    serving = gateways.serving(world) if world.store.open().names() else {}
    views = [view for view in views_of(world.store, serving) if not view.agent.landing]
    return sorted(views, key=lambda view: (view.agent.created, view.name))


def agent(world: World, name: str) -> AgentView:
    """See Deck.agent."""
    names = world.store.open().names() if world.store.exists else []
    matches = [name] if name in names else [each for each in names if name and each.startswith(name)]
    if len(matches) > 1:
        raise UsageError(f"“{name}” matches {listed(matches)}.", hint="Type more of the name.")
    record = world.store.agent(matches[0]) if matches else None
    if record is None:
        names = [view.name for view in agents(world)]
        known = f"Available: {listed(names)}." if names else "There are no agents; “agentdeck run” starts one."
        raise NotFoundError(f"There is no agent “{name}” in this deck.", hint=known)
    return view(world, record)


def view(world: World, record: Agent) -> AgentView:
    return view_of(world.store, record, gateways.serving(world).get(record.name))
