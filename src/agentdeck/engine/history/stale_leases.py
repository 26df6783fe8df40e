"""What lost its agent: databases, ports, windows, temporary files; and the gateway that nobody uses."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent
from agentdeck.engine.history.stale import Clearable, Pruning, Seen, agents_now, delete
from agentdeck.engine.lifecycle.kept_databases import is_same_database
from agentdeck.engine.lifecycle.leases import doubt_of_kept
from agentdeck.engine.providers import gateways
from agentdeck.engine.records.parts import DatabaseGone
from agentdeck.engine.world import World
from agentdeck.errors import BusyError, FileError, RefusedError, StoreError
from agentdeck.system.files import scratch
from agentdeck.system.files.files import private_folder, read_json
from agentdeck.system.git import going
from agentdeck.system.machine.ports import PortLease, is_free
from agentdeck.system.machine.usage import disk_bytes


def stale_databases(world: World, agents: list[Agent]) -> Iterator[Clearable]:
    """Databases that were left when their agents were removed with --keep-database, and that no agent has again."""
    used = _used(agents)
    for path in sorted((world.store.folder / "databases").glob("*.json")):
        kept = _kept_database(path)
        if any(is_same_database(kept["plan"], plan) for plan in used):
            continue
        name = kept["plan"].get("name") or kept["plan"].get("path") or kept["agent"]
        why = f"its agent {kept['agent']} was removed without it"
        yield Clearable("database", str(name), why, 0, True, partial(_clear_database, world, path))


def _used(agents: list[Agent]) -> list[dict[str, Any]]:
    return [lease.plan for agent in agents if (lease := agent.database)]


def _kept_database(path: Path) -> dict[str, Any]:
    try:
        kept = read_json(path)
        return {"agent": str(kept["agent"]), "plan": dict(kept["plan"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        title = f"The record of a database in {path} can't be read."
        raise StoreError(title, detail=str(error), hint="Move it away.") from error


def _clear_database(world: World, path: Path, pruning: Pruning) -> None:
    kept = _kept_database(path)
    if world.database is None:
        raise BusyError("agentdeck.toml no longer configures a database.")
    if why := doubt_of_kept(world, kept["agent"], kept["plan"]):
        raise RefusedError(f"The record of a database in {path} was changed: {why}.", hint="Move it away.")
    if not world.database.exists(kept["plan"]):
        path.unlink()
        return
    folder = private_folder(world.store.trash / f"database-{kept['agent']}-{time.time_ns()}")
    dump = world.database.dump(kept["plan"], folder / "database")
    pruning.record(DatabaseGone(kept["agent"], kept["plan"], str(dump or "")))
    with world.store.naming():
        if any(is_same_database(kept["plan"], plan) for plan in _used(agents_now(world))):
            raise BusyError(f"{kept['agent']} uses it again.")
        world.database.drop(kept["plan"])
        path.unlink()


def stale_leases(world: World, agents: list[Agent], seen: Seen) -> Iterator[Clearable]:
    names = {agent.name for agent in agents}
    for lease in seen.ports:
        if lease.lingering and not any(map(is_free, lease.ports)):
            continue  # what holds them is for doctor to name
        if lease.deck == world.deck and (lease.lingering or lease.agent not in names):
            shown = ", ".join(map(str, lease.ports))
            clear = partial(_release_ports, world, lease)
            why = f"handed out to {lease.agent}, which is gone"
            yield Clearable(
                "ports", shown, why, 0, False, clear, None if lease.lingering else partial(_is_no_more, lease.agent)
            )
    for window in seen.windows:
        if window.session == world.deck and window.name not in names:
            clear = partial(_close_window, world, window.name)
            free = partial(_is_no_more, window.name)
            yield Clearable("window", window.name, "no agent of this deck uses it", 0, False, clear, free)
    for path in seen.folders:
        name = path.name.removeprefix(f"{world.store.deck_id}-")
        if name not in names:
            clear, free = partial(delete, [path]), partial(_is_no_more, name)
            why = "temporary files of an agent that is gone"
            yield Clearable("files", str(path), why, disk_bytes(path), False, clear, free)
    for path in going.stuck_rests(world.repo):
        why = "files of a removed worktree that could not be deleted"
        yield Clearable("files", str(path), why, disk_bytes(path), False, partial(_delete_rest, world, path))

    for path in scratch.abandoned():
        clear = partial(_clear_scratch, path)
        yield Clearable(
            "files", str(path), "temporary files of a process that was killed", disk_bytes(path), False, clear
        )


def _is_no_more(name: str, agents: list[Agent]) -> bool:
    return name not in {agent.name for agent in agents}


def _delete_rest(world: World, path: Path, pruning: Pruning) -> None:
    going.delete_rests(world.repo, stuck=True)
    if os.path.lexists(path):
        raise FileError(f"{path} can't be deleted.", hint=f"Check who owns its files: ls -lR {shlex.quote(str(path))}")


def stale_gateway(world: World) -> Iterator[Clearable]:
    if gateways.is_idle():
        clear = partial(_stop_gateway, world)
        yield Clearable(
            "gateway", "gateway", "no agent is running in any repository; it starts again when needed", 0, False, clear
        )
    for deck in gateways.forgotten():
        yield Clearable(
            "gateway", deck, "the gateway's plan for a repository that is gone", 0, False, partial(_forget, deck)
        )


def _stop_gateway(world: World, pruning: Pruning) -> None:
    if gateways.is_idle():
        gateways.stop(world)


def _forget(deck: str, pruning: Pruning) -> None:
    gateways.forget(deck)


def _release_ports(world: World, gone: PortLease, pruning: Pruning) -> None:
    world.ports.forget(lambda lease: lease == gone)


def _close_window(world: World, name: str, pruning: Pruning) -> None:
    world.tmux.close_window(world.deck, name)


def _clear_scratch(folder: Path, pruning: Pruning) -> None:
    scratch.clear_abandoned(folder)
