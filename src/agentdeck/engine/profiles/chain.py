"""Which profiles an agent fails over to, and what its runner has to know of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentdeck.core.accounts.lanes import ACCOUNT, PROVIDER, cli_of
from agentdeck.core.agents.agent import COMMAND, Agent, Mode
from agentdeck.core.agents.failover import Policy
from agentdeck.core.agents.orders import ChainEntry
from agentdeck.engine.profiles.accounts import is_usable
from agentdeck.engine.world import World
from agentdeck.errors import ConfigError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from agentdeck.core.config.profile import Profile


def chain_of(world: World, agent: Agent) -> tuple[str, ...]:
    """The profiles of `agent` in order, its own first, installed or not; empty where it does not fail over.

    Raise ConfigError, or NotFoundError for one asked for, where there is no such profile.
    """
    names = check_chain(world, agent.failover)
    if agent.profile == COMMAND:
        return ()
    if not names and (agent.failover is not None or not accounts_beside(world, agent.profile)):
        return ()
    every = [each for name in (agent.profile, *names) for each in (name, *accounts_beside(world, name))]
    return tuple(dict.fromkeys(every))


def accounts_beside(world: World, name: str) -> tuple[str, ...]:
    """The other accounts of that profile's CLI, with the usual one; () where the person has named none."""
    lanes = [lane.name for lane in world.lanes.values() if lane.base == cli_of(name)]
    return tuple(each for each in (cli_of(name), *lanes) if each != name) if lanes else ()


def accounts_first(world: World, agent: Agent, name: str) -> tuple[str, ...]:
    """The other accounts of that profile's CLI that go on at a limit, before another provider serves the agent."""
    order = world.settings.config.failover.order
    steps = [step for step in order if step in (ACCOUNT, PROVIDER)]
    if steps[:1] != [ACCOUNT] or not world.lanes:
        return ()
    chain, _ = usable(world, chain_of(world, agent))
    return tuple(
        each
        for each in chain
        if each != name and cli_of(each) == cli_of(name) and not (each in world.lanes and world.lanes[each].tier)
    )


def check_chain(world: World, asked: Sequence[str] | None) -> tuple[str, ...]:
    """The profiles asked for, or those of the configuration, each of which there must be."""
    names = tuple(world.settings.config.agent.failover if asked is None else asked)
    unknown = [name for name in names if name not in world.profiles]
    if not unknown:
        return names
    hint = f"Available: {', '.join(sorted(world.profiles))}."
    if asked is not None:
        raise NotFoundError(f"There is no profile “{unknown[0]}” to fail over to.", hint=hint)
    place = world.settings.origins.get("agent.failover", "the configuration")
    raise ConfigError(f"agent.failover at {place} names a profile “{unknown[0]}”, which does not exist.", hint=hint)


def usable(world: World, names: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Those of `names` whose program is on this machine, and a sentence about those that are left out."""
    from agentdeck.system.config.profiles import found

    path = world.search_path
    here = [name for name in names if found(world.profiles[name], path) is not None]
    missing = [name for name in names if name not in here]
    there = tuple(
        name for name in here if name == names[0] or not accounts_beside(world, name) or is_usable(world, name)
    )
    if not missing:
        return there, ""
    verb = "is not installed, and is" if len(missing) == 1 else "are not installed, and are"
    return there, f"{', '.join(missing)} {verb} left out of the failover"


def entry_of(
    profile: Profile,
    mode: Mode,
    folder: Path,
    more: Sequence[str] = (),
    *,
    wired: bool = False,
    settings: Mapping[str, Any] | None = None,
    tier: bool = False,
) -> ChainEntry:
    """`more` goes right after the program's name, `settings` into the settings file that the CLI is given."""
    from agentdeck.system.config.profiles import fill_program, wire_reports

    path = wire_reports(profile, folder, mode, settings)

    def words(*, known: bool = False, resume: bool = False) -> tuple[str, ...]:
        line = profile.template(mode, prompt=True, resume=resume, known=known, reports=bool(path))
        first, *rest = (fill_program(word) for word in line)
        return (first, *more, *rest)

    lines = profile.lines(mode)
    return ChainEntry(
        profile=profile.name,
        start=words(),
        resume=words(known=True, resume=True) if lines.resume else (),
        resume_last=words(resume=True) if lines.resume_last else (),
        settings=path,
        go_on=profile.go_on,
        detectors=profile.detectors,
        outcome=profile.outcome,
        reports="" if profile.reports.kind == "none" else profile.reports.kind,
        session_pattern=profile.session_pattern,
        transcript=profile.place,
        wired=wired,
        by_tier=tier,
        sessions=profile.account.sessions,
        export=tuple(map(fill_program, profile.account.export)),
        imports=tuple(map(fill_program, profile.account.imports)),
    )


def policy_of(world: World) -> Policy:
    config = world.settings.config
    told = vars(config.failover)
    return Policy(**{**told, "order": tuple(told["order"])}, quiet=config.notify.quiet)


def differences(
    base: Mapping[str, str], others: Mapping[str, Mapping[str, str]], unset: Mapping[str, Iterable[str]]
) -> str:
    """What the environment of each profile has beside `base`, as `core.orders.VARIABLES` holds it. What is `unset` for
    one is not to come from anywhere else either, such as the tmux server."""
    told = {
        name: {
            **{key: value for key, value in other.items() if base.get(key) != value},
            **{key: None for key in (*base, *unset[name]) if key not in other},
        }
        for name, other in others.items()
    }
    return json.dumps({name: each for name, each in told.items() if each})
