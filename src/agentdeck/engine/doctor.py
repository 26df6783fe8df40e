"""What is missing on this machine, and what is not as the store says; each with what to do."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.leases import Lease, PaneLease
from agentdeck.core.text.text import listed
from agentdeck.core.tools import GIT, TMUX, words
from agentdeck.engine.lifecycle.resources import Presence
from agentdeck.engine.lifecycle.stack import BY_KIND
from agentdeck.engine.lifecycle.survivors import Survivor, survivors, with_ports
from agentdeck.engine.lifecycle.trouble import trouble_of
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import AgentView, Check
from agentdeck.engine.worktrees import identity
from agentdeck.engine.world import World, in_one_look, trust_command
from agentdeck.errors import DeckError, MissingToolError
from agentdeck.system.git import repository as git
from agentdeck.system.machine import scope
from agentdeck.system.machine.process import run


@in_one_look
def examine(world: World, agents: list[AgentView]) -> list[Check]:
    scope.sweep()
    return [
        *machine_checks(world.search_path),
        *_config_checks(world),
        _gateway_check(world),
        *_account_checks(world),
        *_agent_checks(world, agents),
        *_lingering_checks(world),
    ]


def how_to_install(package: str) -> str:
    """The one command that installs `package` on this machine."""
    if platform.system() == "Darwin":
        return f"brew install {package}"
    if shutil.which("apt-get"):
        return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install -y {package}"
    return f"Install {package} with your system's package manager."


def machine_checks(path: str | None = None) -> Iterator[Check]:
    """git and tmux, which nothing works without, and the agents that are in `path` (default: this process's)."""
    yield from _tool_checks()
    yield _box_check()
    yield from _profile_checks(path)


def _tool_checks() -> Iterator[Check]:
    try:
        yield _tool_check("git", git.version(), GIT)
    except MissingToolError:
        yield Check("git", False, "not installed", how_to_install("git"))
    except DeckError as error:
        yield Check("git", None, error.title, f"{words(GIT)} or newer is needed.")
    if shutil.which("tmux") is None:
        yield Check("tmux", False, "not installed", how_to_install("tmux"))
        return
    told = run(["tmux", "-V"]).text.strip()
    if numbers := re.findall(r"\d+", told)[:2]:
        yield _tool_check("tmux", tuple(map(int, numbers)), TMUX, told.split()[-1])
    else:  # one that was built from its master branch
        yield Check("tmux", None, told or "doesn't print its version", f"{words(TMUX)} or newer is needed.")


def _box_check() -> Check:
    """Whether agents can have a box: one is made to see. It is no fault where they can't, until one is asked for."""
    from agentdeck.system.box.abstract import can_hold
    from agentdeck.system.box.bubblewrap import require_box

    try:
        require_box()
        require_box(alone=True)
    except DeckError as error:
        return Check("boxes", None, error.title.rstrip("."), error.hint)
    if not can_hold():
        told = "can be made; with “files” they reach abstract sockets of others, such as X11’s"
        return Check("boxes", True, told, "Linux 6.12 or newer keeps them from those; or use --box full.")
    return Check("boxes", True, "can be made, with a network of their own")


def _tool_check(name: str, found: tuple[int, ...], needed: tuple[int, ...], text: str = "") -> Check:
    good = found >= needed
    hint = "" if good else f"{name} {words(needed)} or newer is needed: {how_to_install(name)}"
    return Check(name, good, text or words(found), hint)


def _config_checks(world: World) -> Iterator[Check]:
    try:
        config = world.safe_settings.config
    except DeckError as error:
        yield Check("config", False, error.title, error.detail or error.hint)
        return
    yield Check("config", True, "is valid")
    if waiting := [change.key for change in world.standing.changes]:
        yield Check("trust", None, f"not approved, so not used: {listed(waiting, 3)}", trust_command(world.root))
    if config.database.engine == "postgres":
        yield _pg_dump_check()


def _gateway_check(world: World) -> Check:
    home = gateways.files()
    address = home.address()
    if address is None:
        if gateways.is_missing():
            return Check("gateway", False, "it died", "agentdeck gateway start")
        return Check("gateway", True, "not running; it starts with the first agent that has a tier")
    left = [f"{each.name} is paused: {each.reason}" for each in gateways.health(world) if each.state == "open"]
    missing = gateways.missing_keys(world) if world.is_trusted else []
    text = "; ".join([f"listens on 127.0.0.1:{address.port}", *left])
    if missing:
        names = ", ".join(missing)
        return Check("gateway", None, text, f"Not set here, so their providers can't be checked: {names}")
    return Check("gateway", True, text)


def _pg_dump_check() -> Check:
    from agentdeck.system.databases.pgserver import find_program

    try:
        return Check("pg_dump", True, find_program("pg_dump"))
    except DeckError as error:
        return Check("pg_dump", False, error.title, how_to_install("postgresql-client"))


def _profile_checks(path: str | None) -> Iterator[Check]:
    from agentdeck.system.config.profiles import found, load_profiles

    try:
        profiles = load_profiles()
    except DeckError as error:
        yield Check("profiles", False, error.title, error.detail or error.hint)
        return
    for name, profile in sorted(profiles.items()):
        place = found(profile, path)
        hint = "" if place else profile.install
        yield Check(f"profile {name}", True if place else None, str(place or "not installed"), hint)


def _account_checks(world: World) -> Iterator[Check]:
    from agentdeck.engine.profiles.accounts import is_usable

    for name in world.lanes:
        usable = is_usable(world, name)
        yield Check(
            f"account {name}",
            usable,
            "can be used" if usable else "has no login",
            "" if usable else "agentdeck accounts",
        )
    for name, reason in world.wrong_accounts.items():
        yield Check(f"account {name}", False, reason, "agentdeck accounts")


def _agent_checks(world: World, agents: list[AgentView]) -> Iterator[Check]:
    windows = {(each.session, each.name) for each in world.tmux.windows()}
    left = survivors(world, [view.agent for view in agents if view.damaged is None])
    for view in agents:
        if view.damaged is not None:
            yield Check(f"agent {view.name}", False, view.damaged.title, f"{view.damaged.detail}. {view.damaged.hint}")
            continue
        known = trouble_of(world.store, view.name)
        if known is not None:
            yield Check(f"agent {view.name}", False, f"not repaired: {known['title']}", known["hint"])
            continue
        wrong, repair = [], ""
        for lease in view.agent.leases:
            if lease.kind == "database" and not world.is_trusted:
                continue  # the server is what the configuration names
            resource = BY_KIND[lease.kind]
            try:
                presence = _presence(world, view.agent, lease, windows)
            except DeckError as error:
                wrong.append(f"{lease.kind}: {error.title}")
                continue
            if lease.kind == "pane" and not view.alive:
                continue  # it went with its tmux server, as after every boot; what has ended needs none
            found = identity.identity_of(world.repo.common, view.agent) if lease.kind == "worktree" else None
            if presence is Presence.FOREIGN and found is not None and not found.is_usable:
                wrong.append(f"worktree is foreign: {found.why}: {found.path}")
                repair = found.repair
            elif presence is not Presence.HELD:
                wrong.append(f"{lease.kind} is {presence}: {resource.describe(lease)}")
        if view.name in left:
            yield _survivor_check(f"agent {view.name}", left[view.name])
        again = f"agentdeck stop {view.name} && " * view.alive + f"agentdeck resume {view.name}"
        remove = f"agentdeck rm {'--stop ' * view.alive}{view.name}"
        hint = f"“{again}” creates it again, “{remove}” removes it." if wrong else ""
        if repair:
            hint = f"{repair}  (or “agentdeck rm {view.name}”, which saves the agent's work and removes it)"
        yield Check(f"agent {view.name}", not wrong, "; ".join(wrong) or f"{view.state}, all resources present", hint)


def _presence(world: World, agent: Agent, lease: Lease, windows: set[tuple[str, str]]) -> Presence:
    """Whether it is there; `windows` is what tmux was asked for once, for all."""
    if isinstance(lease, PaneLease):
        return Presence.HELD if (lease.session, lease.window) in windows else Presence.GONE
    return BY_KIND[lease.kind].check(world, agent, lease)


def _lingering_checks(world: World) -> Iterator[Check]:
    """Ports that stay reserved because something outlived its agent there."""
    for lease in world.ports.owners():
        if lease.lingering and lease.deck == world.deck and (left := with_ports(lease.ports)):
            yield _survivor_check(f"ports of {lease.agent}", left)


def _survivor_check(name: str, left: list[Survivor]) -> Check:
    pids = " ".join(str(each.pid) for each in left if each.pid)
    return Check(name, False, "; ".join(map(str, left)), f"kill {pids}" if pids else "Ask its owner to end it.")
