"""Let another profile serve an agent, or its own again, because a person says so."""

from __future__ import annotations

import contextlib
import time

from agentdeck.core.agents.agent import COMMAND, Agent, Fault, Phase, State
from agentdeck.core.agents.failover import Progress, next_by_hand
from agentdeck.core.agents.leases import PaneLease
from agentdeck.core.frozen import replace
from agentdeck.engine import roster
from agentdeck.engine.lifecycle import starting
from agentdeck.engine.lifecycle.ending import end_runner, outlasts
from agentdeck.engine.profiles.chain import chain_of, usable
from agentdeck.engine.profiles.handing import handed_over, progress_of, save_progress
from agentdeck.engine.runner.failover import ASKED, REQUEST
from agentdeck.engine.views import AgentView, view_of
from agentdeck.engine.worktrees import identity
from agentdeck.engine.world import Note, World
from agentdeck.errors import RefusedError
from agentdeck.system.config.profiles import require
from agentdeck.system.files.files import read_json, write_json

_PATIENCE = 10.0
"""Seconds, beside the grace of the program that runs, until another one must run."""


def resume(world: World, view: AgentView, prompt: str, note: Note, *, now: bool = False) -> AgentView:
    """See Deck.resume."""
    if view.alive and view.status.fault is Fault.LOST:
        end_runner(world, view.name)  # its guardian is still ending what it left
    elif view.alive and (view.state.is_live or not outlasts(world, view.name)):
        raise RefusedError(f"{view.name} is still running ({view.state}).", hint=f"agentdeck send {view.name} …")
    world.check_trust()
    with world.store.operation(view.name):
        world.store.let_start_now(view.name, wanted=now)
        return roster.view(world, start_again(world, roster.agent(world, view.name).agent, prompt, note))


def start_again(world: World, agent: Agent, prompt: str, note: Note) -> Agent:
    """Start an agent that has ended, with its leases. The caller holds its operation lock."""
    if agent.phase in (Phase.SAVING, Phase.RELEASING):
        raise RefusedError(f"{agent.name} is being removed.", hint=f"Finish that first: agentdeck rm {agent.name}")
    starting.check_ready(world)
    identity.mend_head(world.repo.common, agent)
    identity.check(world.repo.common, agent)
    lease = agent.pane
    if lease is None:
        lease = PaneLease("pane", False, {"session": world.deck, "window": agent.name})
    lease = lease.changed(held=False, resume=True, prompt=prompt)
    agent = replace(agent.with_lease(lease), phase=Phase.ACQUIRING, runs=agent.runs + 1, landing_asked="")
    world.store.save(agent)
    return starting.acquire(world, agent, note)


def switch(world: World, view: AgentView, to: str, note: Note) -> AgentView:
    """Let the profile `to` (empty: the next) go on with what `view` was at, whether that runs or has ended."""
    agent = view.agent
    to = to or _next(world, agent)
    _check(world, view, to)
    if view.alive and to in _rungs(world, agent.name):
        ask_runner(world, agent.name, to)
    else:
        if view.alive:
            end_runner(world, agent.name)
        _start_with(world, agent.name, to, note)
    told = world.store.events(agent.name)
    for event in [event for event in told if event.at >= view.status.since and event.kind.startswith("agent.failed")]:
        note(event)
    return view_of(world.store, world.store.agent(agent.name) or agent)


def switch_back(world: World, view: AgentView, note: Note) -> AgentView:
    """Let the profile that is the agent's own take it back."""
    own = view.agent.profile
    if own != COMMAND and serving(world, view.agent) == own:
        hint = f"It has ended: “agentdeck resume {view.name}” starts it again."
        raise RefusedError(f"{view.name} already runs {own}.", hint=hint)
    return switch(world, view, own, note)


def serving(world: World, agent: Agent) -> str:
    """The profile that serves the agent, or did when it ended."""
    progress = progress_of(world.store.agent_folder(agent.name))
    return progress.profile if progress else agent.profile


def _next(world: World, agent: Agent) -> str:
    chain, _ = usable(world, chain_of(world, agent))
    progress = progress_of(world.store.agent_folder(agent.name)) or Progress(agent.profile)
    to = next_by_hand(chain, progress, time.time())
    if not to and agent.profile != COMMAND:
        raise RefusedError(
            f"{agent.name} has no other profile to fail over to.",
            hint="Name one with --to, or list profiles in [agent] failover of agentdeck.toml.",
        )
    return to


def _check(world: World, view: AgentView, to: str) -> None:
    if view.agent.profile == COMMAND:
        raise RefusedError(f"{view.name} runs its own command; no profile can take it over.")
    require(world.profiles, to, world.search_path)
    identity.check(world.repo.common, view.agent)
    if to == serving(world, view.agent) and view.alive:
        raise RefusedError(f"{view.name} already runs {to}.")


def _rungs(world: World, name: str) -> list[str]:
    """The profiles that the runner of this agent can start by itself."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        orders = read_json(world.store.agent_folder(name) / "orders.json")
        return [entry["profile"] for entry in orders["chain"]]
    return []


def ask_runner(world: World, name: str, to: str) -> None:
    """Tell the runner, and wait until the profile is at work, or waits for the end of its limit, as a person chose."""
    folder = world.store.agent_folder(name)
    write_json(folder / REQUEST, {"to": to})
    world.store.wake_runner(name)
    grace = world.settings.config.runner
    deadline = time.monotonic() + grace.grace_interrupt + 2 * grace.grace_terminate + _PATIENCE
    while time.monotonic() < deadline:
        status = world.store.status(name)
        if status.profile == to and (status.agent_pid is not None or status.state is State.LIMITED):
            return
        if not world.lives(name):
            raise RefusedError(f"{name} ended meanwhile.", hint=f"“agentdeck failover {name} --to {to}” starts it.")
        time.sleep(0.02)
    raise RefusedError(f"{name} did not switch to {to} in time.", hint=f"“agentdeck attach {name}” shows its terminal.")


def _start_with(world: World, name: str, to: str, note: Note) -> None:
    folder = world.store.agent_folder(name)
    with world.store.operation(name, wait=2):
        agent = world.store.agent(name)
        if agent is None:
            raise RefusedError(f"{name} was removed meanwhile.")
        before = progress_of(folder)
        status = world.store.status(name)
        if before is None:
            # It never failed over: what is known of it is its own profile and that one's session.
            before = Progress(agent.profile, ran=(agent.profile,)).with_session(agent.profile, status.session)
        until = {each: at for each, at in before.until.items() if each != to}
        why = "" if to == agent.profile else ASKED
        save_progress(folder, replace(before.asked_anew(), profile=to, until=until, why=why))
        if to != before.profile:
            world.store.append(handed_over(name, before, agent.profile, to, ASKED, fault=status.fault))
        start_again(world, agent, "", note)
