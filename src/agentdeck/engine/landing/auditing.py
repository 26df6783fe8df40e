"""What is written down for good when an agent lands."""

from __future__ import annotations

import getpass
import time

from agentdeck.core.agents.agent import COMMAND, Agent
from agentdeck.core.agents.events import FAILOVERS
from agentdeck.engine.records.audit import Audit
from agentdeck.engine.records.landings import Landing
from agentdeck.engine.world import World
from agentdeck.errors import DeckError

_CLIS = {"claude": "claude-code"}
"""Profiles whose program is known by another name."""


def record(world: World, landing: Landing, name: str, *, base: str, new: str, step: int) -> None:
    """Write down that the agent landed; the same again changes nothing."""
    agent = world.store.agent(name)
    if agent is None:
        return
    entry, status = landing.entry(name), world.store.status(name)
    models, cost, missing = _served(world, name)
    events = world.store.events(name)
    Audit(world.store).append(
        {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "landing": landing.id,
            "step": step,
            "agent": name,
            "task": agent.task,
            "profile": status.profile or agent.profile,
            "models": models or ([status.model] if status.model else []),
            "tier": agent.tier,
            "permission": agent.permission,
            "parents": list(agent.parents),
            "base": base,
            "commit": new,
            "tip": entry.tip,
            "gate": list(landing.gate),
            "gate_result": "passed" if landing.gate else "none",
            "approved_how": landing.approved,
            "approved_user": _user(),
            "overrides": list(landing.overrides),
            "cost": cost,
            "failovers": sum(event.kind in FAILOVERS for event in events),
            "not_known": missing,
        }
    )


def assisted_by(world: World, agent: Agent) -> list[tuple[str, str]]:
    """The trailers that name the program and each model that served it; none for a command."""

    status = world.store.status(agent.name)
    profile = status.profile or agent.profile
    if profile == COMMAND:
        return []
    found, _, _ = _served(world, agent.name)
    models = [model.partition(":")[2] or model for model in found] or ([status.model] if status.model else [])
    return [("Assisted-by", f"{_CLIS.get(profile, profile)}:{model}") for model in dict.fromkeys(models)]


def _served(world: World, name: str) -> tuple[list[str], float | None, str]:
    """The models that served the agent, as `provider:model`, what is known of their cost, and what is not known."""
    from agentdeck.engine.providers.spending import of_agent

    models: dict[str, None] = {}
    cost: float | None = None
    try:
        for each in of_agent(world, name):
            if each.model or each.asked:
                models[f"{each.provider}:{each.model or each.asked}".removeprefix(":")] = None
            if each.cost is not None:
                cost = (cost or 0.0) + each.cost
    except (DeckError, OSError, ValueError, KeyError) as error:
        return list(models), cost, f"the models and the cost: {error}"
    return list(models), None if cost is None else round(cost, 6), ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this user id
        return ""
