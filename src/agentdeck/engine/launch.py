"""From an agent to what its runner is told: the command, the environment, the rules to read it by."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.core.agent import Agent
from agentdeck.core.orders import Detectors, Orders, Outcome
from agentdeck.engine.gateways import Wiring, wire
from agentdeck.engine.resources import resource_variables, worktree_of
from agentdeck.engine.world import World
from agentdeck.system import envfile
from agentdeck.system.files import write_atomic
from agentdeck.system.tree import MARK

if TYPE_CHECKING:
    from agentdeck.core.profile import Profile

COMMAND = "command"
"""The profile's name for an agent that is any command: `agentdeck run -- CMD`."""
_STRAY = (
    "TMUX",
    "TMUX_PANE",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "COLUMNS",
    "LINES",
    MARK,
)
"""Variables of the caller's terminal or of a git hook that must not reach an agent."""
_MEGABYTE = 1024 * 1024


def runner_argv(orders: Path) -> list[str]:
    # -I: a file named json.py in the worktree must not be imported.
    return [sys.executable, "-I", "-m", "agentdeck.engine.runner", str(orders)]


def orders_for(world: World, agent: Agent) -> tuple[Orders, dict[str, str]]:
    """What the runner of `agent` is told, and the environment of its pane.

    The environment never touches the disk: it may hold keys.
    """
    config = world.settings.config
    folder = world.store.agent_folder(agent.name)
    pane = agent.lease("pane")
    resume, prompt = (pane.data.get("resume", False), pane.data.get("prompt", "")) if pane else (False, "")
    profile = None if agent.profile == COMMAND else world.profiles[agent.profile]
    said = prompt or ("" if resume else agent.task)
    wiring = wire(world, agent, profile)
    orders = Orders(
        agent=agent.name,
        run=secrets.token_hex(6),
        deck=world.deck,
        argv=_command(world, agent, profile, wiring, resume=resume, said=said),
        cwd=str(worktree_of(agent)),
        folder=str(folder),
        log=str(world.store.new_log(agent.name)),
        runs_log=str(world.store.runs_log),
        env_unset=tuple(sorted(wiring.unset - set(agent.env))),
        mode=agent.mode,
        setup=() if resume else tuple(config.hooks.setup),
        typed=profile.typed_text(said, agent.mode, resume=resume) if profile else "",
        timeout=agent.timeout,
        quiet=config.runner.quiet,
        detectors=profile.detectors if profile else Detectors(),
        outcome=profile.outcome if profile else Outcome(),
        reports=bool(profile and profile.reports.kind != "none"),
        session_pattern=profile.session_pattern if profile else "",
        grace_interrupt=config.runner.grace_interrupt,
        grace_terminate=config.runner.grace_terminate,
        recording_max=config.runner.recording_max_mb * _MEGABYTE,
        recording_keep=config.runner.recording_keep,
    )
    return orders, _environment(world, agent, profile, wiring)


def _command(
    world: World, agent: Agent, profile: Profile | None, wiring: Wiring, *, resume: bool, said: str
) -> tuple[str, ...]:
    if profile is None:
        return agent.argv
    from agentdeck.core.profile import short_prompt
    from agentdeck.system.profiles import fill_program, wire_reports

    folder = world.store.agent_folder(agent.name)
    prompt = short_prompt(said, str(folder / "task.txt"))
    if prompt != said:
        write_atomic(folder / "task.txt", said)
    settings = wire_reports(profile, folder)
    session = world.store.status(agent.name).session if resume else ""
    words = profile.argv(
        mode=agent.mode, prompt=prompt, session=session, resume=resume, settings=settings, more=wiring.argv
    )
    return tuple(fill_program(word) for word in words)


def _environment(world: World, agent: Agent, profile: Profile | None, wiring: Wiring) -> dict[str, str]:
    """The caller's variables, under the configured env file's, the profile's, the agent's own, and its resources'."""
    merged = configured_environment(world)
    if profile is not None:
        merged |= profile.env
    merged = {name: value for name, value in merged.items() if name not in wiring.unset} | wiring.env
    merged |= agent.env | resource_variables(world, agent)
    merged["AGENTDECK_TIER"] = agent.tier
    merged.setdefault("TERM", "screen-256color")
    unset = set(profile.env_unset if profile else ()) - set(agent.env)
    return _clean({name: value for name, value in merged.items() if name not in unset}, agent.env)


def configured_environment(world: World) -> dict[str, str]:
    """The caller's variables, under those of the configured env file and of `[agent] env`."""
    config = world.settings.config
    merged = dict(os.environ)
    if config.agent.env_file:
        merged |= envfile.source(world.root / Path(config.agent.env_file).expanduser())
    return merged | config.agent.env


def clean_environment() -> dict[str, str]:
    """The caller's variables without those of its terminal or git hook."""
    return _clean(dict(os.environ), ())


def _clean(variables: dict[str, str], kept: Container[str]) -> dict[str, str]:
    return {
        name: value for name, value in variables.items() if (name in kept or name not in _STRAY) and "\0" not in value
    }
