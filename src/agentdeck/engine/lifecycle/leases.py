"""What a lease may say.

Leases lie where agents can write too. What is written or deleted by one is only what AgentDeck itself would have put
there: everything else is left as it is, and told.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.leases import Lease
from agentdeck.core.text.patterns import late
from agentdeck.engine.worktrees.identity import identity_of
from agentdeck.engine.world import World
from agentdeck.errors import RefusedError
from agentdeck.system.files.files import home_path, leads_into

_STRAY = late(r"[\0\n]")


def doubt(world: World, agent: Agent, lease: Lease) -> str:
    """Why the lease is not believed, as the end of a sentence; empty where it is."""
    try:
        return _CHECKS[lease.kind](world, agent, lease)
    except (KeyError, TypeError, ValueError, OSError) as error:
        return f"it is damaged ({error!r})"


def check(world: World, agent: Agent, lease: Lease) -> None:
    """Raise RefusedError where the lease is not believed."""
    if why := doubt(world, agent, lease):
        raise RefusedError(
            f"The record of {agent.name}'s {lease.kind} was changed: {why}.",
            hint=f"“agentdeck rm {agent.name}” removes what belongs to {agent.name} and leaves the rest unchanged.",
        )


def doubt_of_kept(world: World, agent: str, plan: dict[str, Any]) -> str:
    """The same of the plan of a database whose agent was removed without it."""
    try:
        if plan["engine"] != "sqlite":
            from agentdeck.system.databases import doubt_of_plan

            return doubt_of_plan(plan, world.store.deck_id, agent)
        # Any other file went with the worktree.
        named = home_path(world.settings.config.database.path)
        is_named = named.is_absolute() and Path(plan["path"]) == named
        return "" if is_named or not os.path.lexists(plan["path"]) else f"{plan['path']} is not a database of {agent}"
    except (KeyError, TypeError, ValueError, OSError) as error:
        return f"it is damaged ({error!r})"


def _worktree(world: World, agent: Agent, lease: Lease) -> str:
    path = Path(lease.data["path"])
    if not _is_plain(path):
        return f"{path} is not a place for a worktree"
    return ""  # what lies there is looked at when it is used: engine.identity


def _ports(world: World, agent: Agent, lease: Lease) -> str:
    ports = lease.data.get("ports", [])
    return "" if isinstance(ports, list) and all(type(port) is int for port in ports) else "its ports are not numbers"


def _database(world: World, agent: Agent, lease: Lease) -> str:
    if lease.data["engine"] != "sqlite":
        from agentdeck.system.databases import doubt_of_plan

        return doubt_of_plan(lease.data, world.store.deck_id, agent.name)
    path, tree = Path(lease.data["path"]), agent.worktree
    if tree is None or not os.path.lexists(tree.path):
        return "" if not os.path.lexists(path) else f"{path} is not in its worktree"
    home = Path(tree.path)
    if not identity_of(world.repo.common, agent).is_ours:
        return f"{path} is not in its worktree"
    if path == home / home_path(world.safe_settings.config.database.path) and not path.is_relative_to(home):
        return ""  # the configuration names that one file
    is_inside = _is_plain(path) and path.is_relative_to(home) and leads_into(path.parent, home)
    return "" if is_inside else f"{path} is not in its worktree"


def _env_file(world: World, agent: Agent, lease: Lease) -> str:
    tree, path, folder = agent.worktree, lease.data["path"], Path(lease.data["tmp"])
    if path and tree is not None and not (_is_plain(Path(path)) and Path(path).is_relative_to(tree.path)):
        return f"{path} is not in its worktree"
    if path and tree is not None and not leads_into(Path(path).parent, Path(tree.path)):
        return f"{path} is not in its worktree"
    mine = f"agentdeck-{os.getuid()}", f"{world.store.deck_id}-{agent.name}"
    if not _is_plain(folder) or (folder.parent.name, folder.name) != mine:
        return f"{folder} is not its temporary folder"
    for each in (folder.parent, folder):
        if os.path.lexists(each) and not _is_own_folder(each):
            return f"{each} is not a folder of yours"
    return ""


def _pane(world: World, agent: Agent, lease: Lease) -> str:
    session, window, log = lease.data["session"], lease.data["window"], lease.data.get("log")
    if window != agent.name or session.rpartition("-")[2] != world.store.deck_id:
        return f"the window {session}:{window} is not its own"
    folder = os.path.realpath(world.store.logs)
    if log and not (os.path.realpath(Path(log).parent) == folder and Path(log).name.startswith(f"{agent.name}-")):
        return f"{log} is not its log"
    return ""


_CHECKS: dict[str, Callable[[World, Agent, Lease], str]] = {
    "worktree": _worktree,
    "ports": _ports,
    "database": _database,
    "env file": _env_file,
    "pane": _pane,
}


def _is_plain(path: Path) -> bool:
    """Whether it is an absolute path without detours."""
    text = str(path)
    return path.is_absolute() and os.path.normpath(text) == text and not _STRAY.search(text) and text != "/"


def _is_own_folder(path: Path) -> bool:
    facts = path.lstat()
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
