"""Agents that start agents: within their caps and their budget, and with no more than they have themselves."""

from __future__ import annotations

import os

from agentdeck.core.agents.agent import COMMAND, Agent
from agentdeck.core.agents.delegation import Caps, family, refusal, too_much
from agentdeck.core.agents.permission import Level
from agentdeck.core.box.box import BoxMode, is_as_narrow
from agentdeck.core.frozen import replace
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.money import Purse
from agentdeck.engine.world import World
from agentdeck.errors import NotFoundError, RefusedError

INSTALL_MCP = "pip install 'agentdeck[mcp]'"
_PEOPLES = (COMMAND, "shell")
"""Profiles whose terminal is a person's: what is typed there is the person's doing."""


def caller(world: World) -> str:
    """The agent of this deck whose program calls; empty where a person does."""
    name = os.environ.get("AGENTDECK_AGENT", "")
    if not name or os.environ.get("AGENTDECK_DECK") != world.deck or name not in world.store.names():
        return ""
    agent = world.store.agent(name)
    return "" if agent is None or agent.landing or agent.profile in _PEOPLES else name


def as_child(world: World, request: StartRequest) -> StartRequest:
    """`request` with what its parent hands down. Raise RefusedError where it asks for more than the parent has."""
    if not request.parent:
        return request
    parent = _parent(world, request.parent)
    if request.now:
        raise RefusedError("Only a person lets an agent begin before its turn.", hint="Leave --now out.")
    wrong = too_much(parent, tier=request.tier, permission=request.permission, any_command=bool(request.argv))
    if wrong:
        raise RefusedError(wrong, hint="Ask a person to start it.")
    limits = [limit for limit in (request.timeout, parent.timeout) if limit]
    return replace(
        request,
        tier=parent.tier or None,
        permission=None if request.argv else request.permission or parent.permission or None,
        sure=parent.permission == Level.ALL,
        env={**parent.env, **request.env},
        failover=parent.failover if request.failover is None else request.failover,
        box=_box(world, parent, request),
        timeout=min(limits, default=None),
    )


def _box(world: World, parent: Agent, request: StartRequest) -> str:
    """The mode that is asked for, or configured, where it holds back as much as the parent's box."""
    wanted = request.box or world.settings.config.box.mode
    return wanted if is_as_narrow(wanted, parent.box or BoxMode.OFF) else parent.box


def check_caps(world: World, name: str) -> tuple[str, ...]:
    """The parents of an agent that `name` starts now. Raise RefusedError where it has as many as it may, or where its
    budget is spent. The caller holds the lock of `naming`, so that two starts at once can't both be the last one."""
    if not name:
        return ()
    parent, rules = _parent(world, name), world.settings.config.mcp
    agents = world.store.agents()
    running = [agent.name for agent in agents if world.lives(agent.name) or world.store.in_operation(agent.name)]
    if why := refusal(parent, agents, running, Caps(rules.depth, rules.children, rules.descendants)):
        raise RefusedError(why, hint="Do the work yourself, or ask a person.")
    if why := purse(world, name).spent_text:
        raise RefusedError(why, hint="Ask a person for more.")
    return family(parent)


def purse(world: World, name: str) -> Purse:
    """What `name` and all agents of its family have cost, and what they may cost together; of nobody's where it is
    empty."""
    from agentdeck.engine.providers.counting import CostCounter

    agent = world.store.agent(name) if name else None
    root = (agent.parents or (name,))[0] if agent else name
    members = [each.name for each in world.store.agents() if root in (each.name, *each.parents)]
    costs = CostCounter().count(world).agents
    limits = world.safe_settings.config.budgets
    spent = sum(costs.get(each, 0.0) for each in members)
    return Purse(root, spent, limits.agent.money, sum(costs.values()), limits.deck.money)


def _parent(world: World, name: str) -> Agent:
    agent = world.store.agent(name)
    if agent is None:
        raise NotFoundError(f"There is no agent “{name}” in this deck that could start another.")
    return agent
