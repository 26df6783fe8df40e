"""The person's accounts: whether each can be used, what its CLI gets, and which one a new agent begins with."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from agentdeck.errors import DeckError

if TYPE_CHECKING:
    from agentdeck.core.config.profile import Profile
    from agentdeck.engine.world import World
    from agentdeck.system.config.accounts import Lane


def key_variables(world: World, profile: Profile, variables: Mapping[str, str]) -> dict[str, str]:
    """What the CLI gets for an account with a key."""
    lane = world.lanes.get(profile.name)
    if lane is None or not lane.key or lane.key not in variables:
        return {}
    return {profile.account.key: variables[lane.key]}


def has_login(world: World, name: str) -> bool | None:
    """Whether the CLI has a login with that account; None where that can't be told."""
    from agentdeck.system.config.clifiles import has_login as logged_in

    profile, lane = world.profiles[name], world.lanes.get(name)
    if lane is not None and lane.tier:
        return True
    variables = world.environment()
    if lane is not None and lane.key:
        return lane.key in variables
    if not profile.login.how:
        return None if lane is None or (lane.folder is not None and lane.folder.is_dir()) else False
    own = {each: value for each, value in variables.items() if lane is None or each not in profile.env_unset}
    return logged_in(profile.files, profile.login.variables, profile.login.paths, {**own, **profile.env})


def is_usable(world: World, name: str) -> bool:
    """Whether an agent may go on with that account: it has a login, as far as that is known."""
    with suppress(DeckError):
        return has_login(world, name) is not False
    return False


def tier_of(world: World, profile: str, tier: str) -> str:
    """The tier that serves an agent with that profile; `tier` is the agent's own."""
    lane = world.lanes.get(profile)
    return lane.tier if lane is not None and lane.tier else tier


def prepare(world: World, lane: Lane) -> None:
    """Make the account's folder, with links to the person's own settings. What is there stays, and no login of
    another account comes along."""
    from agentdeck.system.config.accountfolders import prepare as make

    profile = world.profiles[lane.base]
    if lane.folder is not None:
        make(lane.folder, profile.account, profile.files, world.environment() | profile.env, world.root)
