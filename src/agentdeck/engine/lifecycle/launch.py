"""From an agent to what its runner is told: the command, the environment, the rules to read it by."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.admission import Admission
from agentdeck.core.agents.agent import COMMAND, Agent
from agentdeck.core.agents.failover import Progress, profile_to_start
from agentdeck.core.agents.inheritance import GIVEN, past_the_proxy
from agentdeck.core.agents.orders import SET_UP, VARIABLES, Orders
from agentdeck.core.agents.prompts import takes_prompt
from agentdeck.core.frozen import dataclass, replace
from agentdeck.engine.lifecycle.model import model_to_run
from agentdeck.engine.lifecycle.notifying import notice_line
from agentdeck.engine.lifecycle.resources import resource_variables, variables_by_kind, worktree_of
from agentdeck.engine.lifecycle.variables import configured_variables
from agentdeck.engine.profiles.accounts import key_variables, prepare, tier_of
from agentdeck.engine.profiles.allowing import allowance, has_tools
from agentdeck.engine.profiles.chain import accounts_first, chain_of, differences, entry_of, policy_of, usable
from agentdeck.engine.profiles.handing import Job, carried_over, progress_of, save_progress, start_of
from agentdeck.engine.providers.gateways import NOT_WIRED, Wiring, wire
from agentdeck.engine.providers.gateways import files as gateway_files
from agentdeck.engine.world import World
from agentdeck.errors import NotFoundError, RefusedError
from agentdeck.system.files.files import inside, write_atomic
from agentdeck.system.git.identity import mark_of
from agentdeck.system.git.worktrees import exclude
from agentdeck.system.state import meters, startqueue

if TYPE_CHECKING:
    from agentdeck.core.config.config import RunnerConfig
    from agentdeck.core.config.profile import Profile

_MEGABYTE = 1024 * 1024


def runner_argv(orders: Path) -> list[str]:
    # -I: a file named json.py in the worktree must not be imported.
    return [sys.executable, "-I", "-m", "agentdeck.engine.runner", str(orders)]


def _tools_argv(world: World, name: str) -> tuple[str, ...]:
    """The command line of the deck's tools for that agent."""
    return (sys.executable, "-I", "-m", "agentdeck.mcp", "--as", name, "--root", str(world.root))


def orders_for(world: World, agent: Agent) -> tuple[Orders, dict[str, str]]:
    """What the runner of `agent` is told, and the environment of its pane.

    The environment never touches the disk: it may hold keys.
    """
    pane = agent.pane
    resume, prompt = (pane.resume, pane.prompt) if pane else (False, "")
    said = prompt or ("" if resume else agent.task)
    choice = _profile_choice(world, agent)
    profile = None if agent.profile == COMMAND else world.profiles[choice.profile]
    wiring = _wiring(world, agent, profile)
    choice = _with_conversation(world, agent, choice, profile)
    argv, typed = _command(world, agent, profile, wiring, choice, resume=resume, said=said)
    wirings = _wirings(world, agent, choice, wiring)
    orders = _orders_of_any(world, agent, resume=resume)
    if profile is not None:
        orders = _orders_of_profile(world, agent, orders, choice, profile, wirings)
        carried = choice.progress is not None and choice.progress.carried == _last_of(choice)
        resumes = resume and (carried or _last_of(choice) == choice.profile)
        goes_on = takes_prompt(profile.template(agent.mode, prompt=False, resume=True))
        orders = replace(orders, resumes=resumes, told=bool(said) or (resume and (goes_on or not resumes)))
    environment = _environment(world, agent, profile, wiring)
    if others := {name: each for name, each in wirings.items() if name != choice.profile}:
        known = {name: _environment(world, agent, world.profiles[name], each) for name, each in others.items()}
        environment[VARIABLES] = differences(environment, known, {name: each.unset for name, each in others.items()})
    unset = tuple(sorted(wiring.unset - set(agent.env)))
    orders = replace(orders, argv=argv, typed=typed, env_unset=unset, wired=wiring.wired)
    if not agent.box:
        return orders, environment
    return _in_box(world, agent, orders, environment, {choice.profile: wiring, **wirings})


def _in_box(
    world: World, agent: Agent, orders: Orders, environment: dict[str, str], wirings: Mapping[str, Wiring]
) -> tuple[Orders, dict[str, str]]:
    from agentdeck.core.box.network import servers_in
    from agentdeck.engine.box.boxes import boxed
    from agentdeck.engine.box.programs import Programs
    from agentdeck.engine.worktrees.boxed import own_git

    names = dict.fromkeys(filter(None, (orders.profile, *(entry.profile for entry in orders.chain))))
    served = frozenset(name for name, each in wirings.items() if each.wired and not each.login)
    address = gateway_files().address() if any(each.wired for each in wirings.values()) else None
    servers = servers_in(variables_by_kind(world, agent).get("database", {}).values())
    profiles = {name: world.profiles[name] for name in names}
    box = boxed(world, agent, environment, Programs(profiles, served, address.port if address else 0, tuple(servers)))
    own = own_git(world, agent)
    assert own is not None
    own.forget_taken()
    words = box.by_profile.get(orders.profile, box.words)
    chain = tuple(replace(entry, box=box.by_profile.get(entry.profile, ())) for entry in orders.chain)
    orders = replace(orders, box=words, chain=chain, network=box.network)
    return replace(orders, own_git=str(own.folder), own_branches=own.branches), box.environment


def _orders_of_any(world: World, agent: Agent, *, resume: bool) -> Orders:
    """What is told the same way whatever command it is; which one that is comes later."""
    config, tree = world.settings.config, agent.worktree
    mark = mark_of(worktree_of(agent))
    return Orders(
        agent=agent.name,
        run=os.urandom(6).hex(),
        deck=world.deck,
        argv=(),
        cwd=str(worktree_of(agent)),
        start_in=agent.folder,
        folder=str(world.store.agent_folder(agent.name)),
        log=str(world.store.new_log(agent.name)),
        runs_log=str(world.store.runs_log),
        mode=agent.mode,
        setup=tuple(config.hooks.setup) if _wants_set_up(world, agent, mark, resume=resume) else (),
        set_up=mark,
        timeout=agent.timeout,
        quiet=config.runner.quiet,
        grace_interrupt=config.runner.grace_interrupt,
        grace_terminate=config.runner.grace_terminate,
        **_caps(config.runner, hidden=bool(agent.box)),
        recording_max=config.runner.recording_max_mb * _MEGABYTE,
        recording_keep=config.runner.recording_keep,
        task=agent.task,
        meters=str(meters.folder()),
        notice="" if agent.landing else notice_line(world),
        base_commit=tree.base_commit if tree else "",
        policy=policy_of(world),
        admission=_admission(world, agent),
    )


def _caps(rules: RunnerConfig, *, hidden: bool) -> dict[str, Any]:
    """What the run may use, and how it is held to that."""
    cpu, memory, processes = rules.cpu or 0.0, (rules.memory_mb or 0) * _MEGABYTE, rules.processes or 0
    words: tuple[str, ...] = ()
    if cpu or memory or processes:
        from agentdeck.system.machine.systemd import scope_words

        words = scope_words(cpu=cpu, memory=memory, processes=processes, hidden=hidden)
    return {"cpu": cpu, "memory": memory, "processes": processes, "scope": words}


def _admission(world: World, agent: Agent) -> Admission | None:
    """What the agent waits for; nothing for one that works for a landing, which a person waits for."""
    if agent.landing:
        return None
    rules, budgets = world.settings.config.queue, world.settings.config.budgets
    limits = (budgets.deck, budgets.day) if agent.tier else ()
    is_limited = any(limit.money is not None or limit.tokens is not None for limit in limits)
    return Admission(
        str(startqueue.folder()),
        rules.agents,
        rules.max_load or 0.0,
        rules.min_free_mb * _MEGABYTE,
        rules.min_disk_mb * _MEGABYTE,
        is_child=bool(agent.parents) or "AGENTDECK_AGENT" in os.environ,
        budgets=str(world.root) if is_limited else "",
    )


def _wants_set_up(world: World, agent: Agent, mark: str, *, resume: bool) -> bool:
    """Whether the set-up hooks have not run to their end in this very worktree. An agent of an older version has no
    such note; they ran when it started."""
    path = world.store.agent_folder(agent.name) / SET_UP
    if not resume:
        write_atomic(path, "", durable=bool(world.settings.config.hooks.setup))
        return True
    return path.exists() and path.read_text("utf-8", "replace") != mark


def _orders_of_profile(
    world: World, agent: Agent, orders: Orders, choice: _ProfileChoice, profile: Profile, wirings: Mapping[str, Wiring]
) -> Orders:
    """How the profile's program is read, and which others may go on for it."""
    folder = world.store.agent_folder(agent.name)
    told = [profile, *(world.profiles[name] for name in wirings)]
    return replace(
        orders,
        detectors=profile.detectors,
        outcome=profile.outcome,
        reports="" if profile.reports.kind == "none" else profile.reports.kind,
        session_pattern=profile.session_pattern,
        transcript=profile.place,
        level=agent.permission,
        tools=_tools_argv(world, agent.name) if any(has_tools(world, agent, each) for each in told) else (),
        judged=profile.judged and bool(agent.task or orders.resumes),
        profile=choice.profile,
        primary=agent.profile,
        go_on=profile.go_on,
        policy=replace(orders.policy, broken_only=not choice.chain),
        chain=tuple(
            entry_of(
                world.profiles[name],
                agent.mode,
                folder,
                each.argv,
                wired=each.wired,
                settings=each.settings,
                tier=_is_tier(world, name),
            )
            for name, each in wirings.items()
        ),
    )


def _is_tier(world: World, name: str) -> bool:
    return name in world.lanes and world.lanes[name].tier != ""


def _wirings(world: World, agent: Agent, choice: _ProfileChoice, wiring: Wiring) -> Mapping[str, Wiring]:
    """How each profile of the chain is pointed at its providers; one that the tier can't serve has its own login. An
    agent behind the gateway is a chain of its own: it goes on after an answer that broke off."""
    if not choice.chain and wiring.wired:
        return {choice.profile: wiring}
    wirings = {}
    for name in choice.chain:
        try:
            wirings[name] = wiring if name == choice.profile else _wiring(world, agent, world.profiles[name])
        except (RefusedError, NotFoundError):
            wirings[name] = _allowed(world, agent, world.profiles[name], NOT_WIRED)
    return wirings


def _wiring(world: World, agent: Agent, profile: Profile | None) -> Wiring:
    tier = tier_of(world, profile.name, agent.tier) if profile is not None else agent.tier
    beside = accounts_first(world, agent, profile.name) if profile is not None and tier == agent.tier else ()
    wiring = wire(world, replace(agent, tier=tier), profile, beside)
    return wiring if profile is None else _allowed(world, agent, profile, wiring)


def _allowed(world: World, agent: Agent, profile: Profile, wiring: Wiring) -> Wiring:
    """`wiring` with what the CLI is told of what it may do."""
    variables = _place_of(world, agent, profile.name)
    allowed = allowance(world, agent, profile, variables)
    for pattern in profile.leaves:
        exclude(world.repo, pattern)
    words, named = profile.model.told(model_to_run(world, agent, profile))
    argv = (*allowed.argv, *words, *wiring.argv)
    env = allowed.env | named | wiring.env | key_variables(world, profile, variables)
    unset = wiring.unset
    if lane := world.lanes.get(profile.name):
        prepare(world, lane)
        unset |= set(profile.env_unset) - {*profile.env, *env}
    return replace(wiring, argv=argv, env=env, unset=frozenset(unset), settings=allowed.settings)


@dataclass(frozen=True, slots=True)
class _ProfileChoice:
    """Which profile is started, and which there are beside it."""

    profile: str
    chain: tuple[str, ...]
    progress: Progress | None


def _profile_choice(world: World, agent: Agent) -> _ProfileChoice:
    progress = progress_of(world.store.agent_folder(agent.name))
    chain, _ = usable(world, chain_of(world, agent))
    if agent.profile == COMMAND:
        return _ProfileChoice(agent.profile, (), None)
    if progress is not None and progress.profile not in (*chain, agent.profile) and progress.profile in world.profiles:
        chain = (*(chain or (agent.profile,)), progress.profile)  # a person wanted that one
    return _ProfileChoice(
        profile_to_start(
            agent.profile,
            chain,
            progress,
            policy_of(world),
            time.time(),
            [name for name in chain if _is_tier(world, name)],
        ),
        chain,
        progress,
    )


def _with_conversation(world: World, agent: Agent, choice: _ProfileChoice, profile: Profile | None) -> _ProfileChoice:
    """The choice, once the conversation of another account of the same CLI is where this one finds it."""
    if profile is None or choice.progress is None or _last_of(choice) == choice.profile:
        return choice
    folder, boxed = world.store.agent_folder(agent.name), bool(agent.box)
    job, entry = Job(agent.task, worktree_of(agent), "", folder, boxed), entry_of(profile, agent.mode, folder)
    tiers = [name for name in world.lanes if _is_tier(world, name)]
    progress = carried_over(choice.progress, entry, job, partial(_place_of, world, agent), tiers)
    if progress != choice.progress:
        save_progress(folder, progress)
    return replace(choice, progress=progress)


def _last_of(choice: _ProfileChoice) -> str:
    """The profile that was at work last."""
    return choice.progress.ran[-1] if choice.progress and choice.progress.ran else choice.profile


def left_out(world: World, agent: Agent) -> str:
    """A sentence about the profiles of `agent` that are not on this machine; empty where all are."""
    return usable(world, chain_of(world, agent))[1]


def begins_at_top(world: World, agent: Agent) -> str:
    """A sentence about an agent whose folder is not in its worktree; empty where it is, or where a hook may make it."""
    if world.settings.config.hooks.setup or inside(worktree_of(agent), agent.folder) is not None:
        return ""
    return f"{agent.folder} is not in its worktree, so it starts at the top"


def _command(
    world: World,
    agent: Agent,
    profile: Profile | None,
    wiring: Wiring,
    choice: _ProfileChoice,
    *,
    resume: bool,
    said: str,
) -> tuple[tuple[str, ...], str]:
    """The command line, and what is to be typed because that does not take it."""
    if profile is None:
        return agent.argv, ""
    from agentdeck.core.agents.prompts import short_prompt
    from agentdeck.system.config.profiles import fill_program, wire_reports

    folder = world.store.agent_folder(agent.name)
    if choice.progress is not None and _last_of(choice) != choice.profile:
        tree = agent.worktree
        base = tree.base_commit if tree else ""
        job = Job(agent.task, worktree_of(agent), base, folder)
        entry = entry_of(profile, agent.mode, folder, wiring.argv, settings=wiring.settings)
        start = start_of(entry, choice.progress, job, said=said if resume else "")
        return start.argv, start.typed
    prompt = short_prompt(said, str(folder / "task.txt"))
    if prompt != said:
        write_atomic(folder / "task.txt", said)
    settings = wire_reports(profile, folder, agent.mode, wiring.settings, resumed=bool(choice.chain))
    known = choice.progress.sessions.get(choice.profile, "") if choice.progress else ""
    session = (known or world.store.status(agent.name).session) if resume else ""
    words = profile.argv(
        mode=agent.mode, prompt=prompt, session=session, resume=resume, settings=settings, more=wiring.argv
    )
    return tuple(fill_program(word) for word in words), profile.typed_text(said, agent.mode, resume=resume)


def _place_of(world: World, agent: Agent, name: str) -> dict[str, str]:
    """The variables by which a profile's CLI finds its own files."""
    return world.environment(configured_variables(world, agent)) | world.profiles[name].env | agent.env


def _environment(world: World, agent: Agent, profile: Profile | None, wiring: Wiring) -> dict[str, str]:
    """What the caller hands down, under the configured env file's, the profile's, the agent's own, and its resources'
    variables. The pane's TERM is tmux's to set."""
    merged = world.environment(configured_variables(world, agent))
    own = (profile.env if profile is not None else {}) | wiring.env
    merged = {name: value for name, value in (merged | own).items() if name not in wiring.unset}
    held = {"AGENTDECK_TIER": agent.tier} | resource_variables(world, agent)
    if (files := agent.env_file) is not None and "TMUX_TMPDIR" not in merged:
        held["TMUX_TMPDIR"] = files.tmp  # “tmux kill-server” there ends none of the person's sessions
    merged |= agent.env | held
    merged.setdefault("COLORTERM", "truecolor")
    merged |= past_the_proxy(merged, always=wiring.wired and bool(wiring.env))
    merged[GIVEN] = " ".join(sorted({*own, *held} - {"PATH"}))
    unset = profile.env_unset if profile else ()
    kept = {*agent.env, *(own if profile is not None and profile.name in world.lanes else ())}
    gone = {name for name in merged if name not in kept and any(fnmatchcase(name, each) for each in unset)}
    return {name: value for name, value in merged.items() if name not in gone and "\0" not in value}
