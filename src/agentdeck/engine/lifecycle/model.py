"""Which model an agent's CLI is told to use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdeck.core.accounts.lanes import cli_of
from agentdeck.core.agents.agent import check_model
from agentdeck.engine.profiles.accounts import tier_of
from agentdeck.engine.providers.gateways import names_model
from agentdeck.errors import UsageError

if TYPE_CHECKING:
    from agentdeck.core.agents.agent import Agent
    from agentdeck.core.config.profile import Profile
    from agentdeck.engine.views import StartRequest
    from agentdeck.engine.world import World


def model_to_start(world: World, profile: Profile, request: StartRequest, tier: str) -> str:
    """The model of a new agent; empty: its CLI's or its tier's own. A child of the same CLI has its parent's, where
    nothing else is asked for. Raise UsageError where the CLI can't be told, and where its tier names the model."""
    parent = world.store.agent(request.parent) if request.parent else None
    model = request.model or (parent.model if parent and cli_of(parent.profile) == cli_of(profile.name) else "")
    model = model or profile.model.default
    if not model:
        return ""
    if not profile.model.can_be_told:
        raise UsageError(f"{profile.title} can't be told which model to use.", hint="Leave --model out.")
    check_model(model)
    tier = tier_of(world, profile.name, tier)
    if not names_model(world.settings.config, profile, tier):
        return model
    if request.model is None:
        return ""
    raise UsageError(f"The tier “{tier}” names the model.", hint="Give either --tier or --model.")


def model_to_run(world: World, agent: Agent, profile: Profile) -> str:
    """The model for a run with `profile`: the agent's own where that is of its own CLI, else the profile's; empty where
    a tier names it."""
    model = agent.model if cli_of(profile.name) == cli_of(agent.profile) else profile.model.default
    tier = tier_of(world, profile.name, agent.tier)
    return "" if not model or names_model(world.settings.config, profile, tier) else model
