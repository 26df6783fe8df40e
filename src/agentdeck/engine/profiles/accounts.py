"""The person's accounts: whether each can be used, what its CLI gets, and which one a new agent begins with."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from agentdeck.core.accounts.lanes import USUAL, account_of, cli_of, lane_name
from agentdeck.errors import DeckError, NotFoundError

if TYPE_CHECKING:
    from agentdeck.core.config.profile import Profile
    from agentdeck.engine.views.accounts import Account
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


def working(world: World) -> dict[str, str]:
    """The profile with which each agent that lives on this machine is at work."""
    agents = world.store.agents() if world.store.exists else []
    living = [agent for agent in agents if not agent.host and world.lives(agent.name)]
    return {agent.name: world.store.status(agent.name).profile or agent.profile for agent in living}


def accounts(world: World) -> list[Account]:
    """All of the person's accounts, with the usual login of each CLI that has several."""
    from agentdeck.engine.views.accounts import Account
    from agentdeck.system.state.meters import Meters, folder

    if not world.lanes:
        return []
    busy = Counter(working(world).values())
    meters, found = Meters(folder()), []
    for base in dict.fromkeys(lane.base for lane in world.lanes.values()):
        for name in (base, *(lane.name for lane in world.lanes.values() if lane.base == base)):
            lane = world.lanes.get(name)
            way, place = "login", str(lane.folder or "") if lane else ""
            if lane is not None and (lane.key or lane.tier):
                way, place = ("key", lane.key) if lane.key else ("tier", lane.tier)
            login = None
            with suppress(DeckError):
                login = has_login(world, name)
            starts = lane is None or lane.starts
            cli, meter = world.profiles[base].title, meters.read(name)
            found.append(Account(name, meter, cli, account_of(name), way, place, login, starts, busy[name]))
    return found


def to_start(world: World, profile: str, account: str | None) -> str:
    """The profile that a new agent begins with: with the account asked for, else with the one that has most left. Of
    several that have about as much, the one at which fewest agents work."""
    if account is not None:
        return _asked_for(world, profile, account)
    if "@" in profile or profile not in {lane.base for lane in world.lanes.values()}:
        return profile
    now = time.time()
    able = [each for each in accounts(world) if cli_of(each.name) == profile and each.way != "tier" and each.starts]
    able = [each for each in able if each.login is not False] or able[:1]
    best = max(able, key=lambda each: (round(each.meter.left(now), 1), -each.agents), default=None)
    return best.name if best is not None else profile


def _asked_for(world: World, profile: str, account: str) -> str:
    base = cli_of(profile)
    if account == USUAL:
        return base
    if lane_name(base, account) in world.lanes:
        return lane_name(base, account)
    reason = world.wrong_accounts.get(account)
    if reason:
        raise NotFoundError(f"“{account}” can't be an account: {reason}.", hint="agentdeck accounts")
    from agentdeck.system.config.settings import home_file

    others = [lane for lane in world.lanes.values() if lane.account == account]
    if others:
        hint = f"agentdeck run --agent {others[0].base} --account {account} …"
        raise NotFoundError(f"“{account}” is no account of {base}.", hint=hint)
    known = [lane.account for lane in world.lanes.values() if lane.base == base]
    hint = f"agentdeck accounts add {account} --agent {base}"
    if home_file(world.root) is not None:
        hint = f"Agents use the accounts of the machine that they run on. Run there, in any repository: {hint}"
    elif known:
        hint = f"Available: {', '.join([USUAL, *known])}."
    raise NotFoundError(f"There is no account “{account}”.", hint=hint)


def prepare(world: World, lane: Lane) -> None:
    """Make the account's folder, with links to the person's own settings. What is there stays, and no login of
    another account comes along."""
    from agentdeck.system.config.accountfolders import prepare as make

    profile = world.profiles[lane.base]
    if lane.folder is not None:
        make(lane.folder, profile.account, profile.files, world.environment() | profile.env, world.root)
