"""Home's gateway on other hosts, so that no key of a provider leaves home: a connection by ssh to each host with agents
that need it, kept by a process in a window beside the gateway's."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent, Phase
from agentdeck.core.text.text import cut, plain
from agentdeck.engine.environment import clean_environment
from agentdeck.engine.providers import gateways
from agentdeck.engine.world import World
from agentdeck.errors import DeckError, RefusedError, UnreachableError
from agentdeck.system.files.files import locked
from agentdeck.system.fleet.hostlist import HostList, HostSpec
from agentdeck.system.fleet.reach import SSH_VARIABLE, FolderReach, SshReach
from agentdeck.system.fleet.tunnels import TunnelFiles, hold
from agentdeck.system.state.inbox import Inbox
from agentdeck.system.state.store import Store

_OPENING = 30.0
"""Seconds that a connection may take to stand."""
_RETRY = 2.0
"""Seconds between two tries."""
_IDLE = 120.0
"""Seconds for which a connection stays that no agent needs."""


def uses(world: World, tier: str) -> bool:
    """Whether an agent with that tier asks home's gateway from wherever it is."""
    gateway = world.settings.config.gateway
    return gateway.keys == "home" and gateway.use != "never" and bool(tier or gateway.use == "always")


def words_for(world: World, spec: HostSpec, agent: Agent) -> dict[str, Any]:
    """Where the agent finds home's gateway on its host, and by what it is known there; nothing where it needs none.
    Raise UnreachableError where no connection can be had."""
    tier = agent.tier or world.settings.config.agent.tier
    if not uses(world, tier):
        return {}
    from agentdeck.system.gateway import tokens

    try:
        port = ensure(world, spec)
    except DeckError as error:  # which says nothing of whether the agent runs
        raise UnreachableError(error.title, detail=error.detail, hint=error.hint) from error
    bearer = tokens.Bearer(world.deck, agent.name, tier, "", agent.created)
    return {"port": port, "token": tokens.mint(tokens.secret(gateways.files().state), bearer)}


def ensure(world: World, spec: HostSpec, *, waits: bool = True) -> int:
    """See that the gateway runs here and is reached from the host; return its port there. Raise RefusedError for a host
    that can have no connection, and UnreachableError where none can be had now, if it `waits` for that."""
    if not isinstance(spec.reach, SshReach | FolderReach):
        raise RefusedError(
            f"Agents on {spec.name} can't use the keys at home: it is not reached by ssh.",
            hint="[gateway] keys = “send” hands the keys to the gateway there, which keeps them in memory.",
        )
    files = TunnelFiles(spec.name)
    if waits or not files.is_up() or gateways.is_missing():
        address = gateways.ensure(world)  # which learns of this deck's providers
        if not files.is_up():
            _open(world, files, waits=waits)
        if spec.folder:
            return address.port  # it is this machine
    return files.port()


def _open(world: World, files: TunnelFiles, *, waits: bool) -> None:
    """Start what keeps the connection, where it does not run, and wait until that stands."""
    files.port()
    window = f"tunnel-{files.host}"
    env = clean_environment() | {name: os.environ[name] for name in (SSH_VARIABLE,) if name in os.environ}
    argv = [sys.executable, "-I", "-m", "agentdeck", "host", "tunnel", files.host]
    world.tmux.open_window(gateways.SESSION, window, argv, cwd=files.folder, env=env)
    deadline = time.monotonic() + _OPENING
    while waits and not files.is_up():
        there = world.tmux.window(gateways.SESSION, window)
        if there is None or there.command_dead or time.monotonic() > deadline:
            told = world.tmux.screen(gateways.SESSION, window).strip() if there else ""
            last = cut(plain(next(reversed(told.splitlines()), "")), 300).rstrip(".")
            raise UnreachableError(
                f"{files.host} can't reach the gateway here: {last or 'there is no connection'}.",
                hint=f"Its sshd has to allow forwarded ports (AllowTcpForwarding); agentdeck hosts check {files.host}",
            )
        time.sleep(0.05)


def keep(host: str) -> None:
    """Keep the connection for as long as agents on the host may need it; the process in that window."""
    files, needed = TunnelFiles(host), time.monotonic()

    def is_idle() -> bool:
        nonlocal needed
        if _is_needed(host):
            needed = time.monotonic()
        return time.monotonic() - needed > _IDLE

    with locked(files.folder / files.lock.name):
        told = Inbox(files.told)
        while not is_idle():
            spec, address = HostList().get(host), gateways.files().address()
            if address is not None and isinstance(spec.reach, SshReach | FolderReach):
                told.clear()  # of an earlier connection, for which it comes too late
                argv = spec.reach.tunnel(spec.command("host", "far-end"), there=files.port(), here=address.port)
                hold(argv, files.stands, lambda here=address.port: is_idle() or _has_moved(here), None, told)  # type: ignore[misc]
            time.sleep(_RETRY)


def _has_moved(port: int) -> bool:
    address = gateways.files().address()
    return address is not None and address.port != port


def _is_needed(host: str) -> bool:
    """Whether an agent of any deck may be at work there, as far as is known here."""
    for folder in gateways.files().config().get("stores", {}).values():
        store = Store(Path(folder))
        for agent in store.agents():
            if agent.host == host and (agent.phase is Phase.ACQUIRING or store.runner_lives(agent.name)):
                return True
    return False
