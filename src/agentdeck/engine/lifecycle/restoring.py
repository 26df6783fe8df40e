"""Bring a removed agent back from the trash: its record, worktree, ports, database and env file.

The agent's record comes first, in the phase `restoring`; what a crash cut short is gone on with by the next verb. Every
step may be repeated. Its processes are not started: it is stopped, and can be resumed.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from pathlib import Path

from agentdeck.core.agents.agent import Agent, Phase, State, Status
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.leases import DatabaseLease, EnvFileLease, Lease, PaneLease, WorktreeLease
from agentdeck.core.frozen import replace
from agentdeck.engine.lifecycle import leases, trouble
from agentdeck.engine.lifecycle.moving import moved_here, old_home
from agentdeck.engine.lifecycle.removal import INNER
from agentdeck.engine.lifecycle.stack import BY_KIND, STACK
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.release import departure, trash_ref
from agentdeck.engine.world import Note, World
from agentdeck.errors import DeckError, NotFoundError, RefusedError, StoreError
from agentdeck.system.files.files import private_folder, read_json, read_state
from agentdeck.system.git import snapshots, worktrees
from agentdeck.system.git.checkouts import Worktree, find_worktree
from agentdeck.system.git.heads import head_of
from agentdeck.system.git.identity import free_beside

_OF_A_RUN = frozenset(
    {
        "agent.json",
        "status.json",
        "operation.lock",
        "runner.lock",
        "status.lock",
        "inbox",
        "orders.json",
        trouble.FILE,
    }
)
"""What of a former record belongs to its former processes, or is written anew."""


def kept_record(world: World, name: str, stamp: str) -> Agent:
    """The agent as its removal found it; raise NotFoundError where that has expired."""
    path = world.store.trash / f"{name}-{stamp}" / "agent.json"
    if not path.exists():
        raise NotFoundError(f"The work of {name} is no longer in the trash.")
    try:
        agent = Agent.from_json(read_json(path))
    except (AttributeError, OSError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The record of {name} in {path} can't be read.", detail=str(error)) from error
    if agent.name != name:
        raise StoreError(f"The record of {name} in {path} can't be read.", detail=f"it is of “{agent.name}”")
    old = old_home(world, agent)
    return agent if old is None else moved_here(world, agent, old)


def check(world: World, name: str, stamp: str) -> None:
    """Raise where the agent can't come back as it was; change nothing."""
    agent, there = kept_record(world, name, stamp), world.store.agent(name)
    if there is not None and there.trash == stamp and there.phase is Phase.RESTORING:
        return  # it is gone on with
    if there is not None and not _is_going(there, stamp):
        raise RefusedError(f"An agent “{name}” exists again.", hint=f"Remove it first: agentdeck rm {name}")
    agent = replace(agent, trash=stamp)
    if agent.host:
        from agentdeck.engine.lifecycle import removal_elsewhere

        removal_elsewhere.check_restore(world, agent)
        return
    database = agent.database
    if database is not None and world.database is not None:
        world.database.exists(database.plan)  # raises where it can't be made again, for its server does not answer
    lease = agent.worktree
    if lease is None or world.repo.commit(trash_ref(agent)) is None or leases.doubt(world, agent, lease):
        return
    path = Path(lease.path)
    if os.path.lexists(path) and (path.is_symlink() or not path.is_dir() or any(path.iterdir())):
        raise RefusedError(
            f"{path} is not empty, and {name} belongs there.",
            hint=f"Move it away first: {shlex.join(['mv', str(path), str(free_beside(path))])}",
        )


def _is_going(agent: Agent, stamp: str) -> bool:
    """Whether that removal of the agent is not finished."""
    return agent.trash == stamp and agent.phase is Phase.RELEASING


def restore(world: World, name: str, stamp: str, note: Note) -> Agent:
    """Bring the agent back, also from a removal that could not be finished; raise RefusedError as `check` does, with
    nothing changed."""
    with contextlib.ExitStack() as stack:
        with world.store.naming():
            check(world, name, stamp)
            kept = kept_record(world, name, stamp)
            leases = tuple(replace(lease, held=False) for lease in kept.leases)
            agent = replace(kept, phase=Phase.RESTORING, leases=leases, trash=stamp)
            stack.enter_context(world.store.operation(name, wait=5))
            world.store.save(agent)
        return go_on(world, agent, note)


def go_on(world: World, agent: Agent, note: Note) -> Agent:
    """Restore what is not restored yet. The caller holds the agent's operation lock."""
    saved = world.store.trash / f"{agent.name}-{agent.trash}"
    _copy_record(saved / "record", world.store.agent_folder(agent.name))
    _restore_status(world, agent.name, saved / "record")
    if agent.host:
        from agentdeck.engine.lifecycle import removal_elsewhere

        agent = removal_elsewhere.bring_back(world, agent)
    for kind in [resource.kind for resource in STACK]:
        lease = agent.lease(kind)
        if lease is None or lease.held:
            continue
        back = _restore_lease(world, agent, lease, saved)
        agent = agent.without_lease(kind) if back is None else agent.with_lease(back)
        world.store.save(agent)
        if back is not None:
            text = f"{kind}: {BY_KIND[kind].describe(back)}"
            world.note(Event(EventKind.RESOURCE_ACQUIRED, agent.name, text, {"kind": kind}), note)
    agent = replace(agent, phase=Phase.HELD, trash="", step="")
    world.store.save(agent)
    world.note(Event(EventKind.AGENT_RESTORED, agent.name, "restored; “agentdeck resume” starts it again"), note)
    return agent


def _copy_record(record: Path, folder: Path) -> None:
    import shutil

    if not record.is_dir():
        return
    private_folder(folder)
    for path in record.iterdir():
        if path.name not in _OF_A_RUN and path.is_file() and not (folder / path.name).exists():
            shutil.copy2(path, folder / path.name)


def _restore_lease(world: World, agent: Agent, lease: Lease, saved: Path) -> Lease | None:
    """The lease as it is held again; None for what can't come back, or never was."""
    if why := leases.doubt(world, agent, lease):
        text = f"its {lease.kind} stays in the trash: {why}"
        world.note(Event(EventKind.WARNING, agent.name, text), lambda event: None)
        return None
    if isinstance(lease, WorktreeLease):
        return _restore_worktree(world, agent, lease, saved)
    if isinstance(lease, PaneLease):
        # Its log and recording are there to be read; the window comes with the next run.
        return replace(lease, held=True)
    tree = agent.worktree
    has_files = tree is not None and Path(tree.path).is_dir()
    if isinstance(lease, DatabaseLease):
        return _restore_database(world, agent, lease, saved, has_files=has_files)
    if isinstance(lease, EnvFileLease) and not has_files:
        return None
    return replace(lease, held=True, data=BY_KIND[lease.kind].acquire(world, agent, lease))


def _restore_worktree(world: World, agent: Agent, lease: WorktreeLease, saved: Path) -> Lease | None:
    path = Path(lease.path)
    if world.repo.commit(trash_ref(agent)) is None:
        # git had no record of it any more, so nothing could be saved. “resume” makes it again, on its branch.
        return replace(lease, held=True) if lease.git_dir else None
    leave = departure(world, agent)
    if leave.can_be_put_back:
        leave.put_back()  # its removal came to a halt before anything of it was deleted
    else:
        leave.let_go()
    there = _unpacked(world, trash_ref(agent), path)
    worktrees.lock(world.repo, path, identity.lock_reason(agent.name))
    for inner in read_state(saved / INNER, list) if (saved / INNER).exists() else ():
        _unpacked(world, inner["ref"], path / inner["path"])
        if inner["locked"] is not None:
            worktrees.lock(world.repo, path / inner["path"], inner["locked"])
    branch = head_of(there).branch
    # One that had to get another name is nobody else's.
    create = lease.create or bool(branch and branch != lease.branch)
    return lease.changed(held=True, branch=branch, create=create, git_dir=str(there.git_dir), note=there.note)


def _unpacked(world: World, ref: str, path: Path) -> Worktree:
    """The worktree at `path`, from its snapshot where it is not there."""
    there = find_worktree(world.repo, path)
    if there is None or not there.path.is_dir() or (there.locked or "").startswith("agentdeck is restoring"):
        return snapshots.restore(world.repo, ref, path)
    return there


def _restore_database(
    world: World, agent: Agent, lease: DatabaseLease, saved: Path, *, has_files: bool
) -> Lease | None:
    dump = next((path for path in sorted(saved.glob("database*"))), None)
    if dump is None and not has_files:
        return None  # “resume” makes it with the worktree, which it may lie in
    if world.database is None:
        text = "its database stays in the trash, because agentdeck.toml no longer configures one"
        world.note(Event(EventKind.WARNING, agent.name, text, {"dump": str(dump or "")}), lambda event: None)
        return None
    world.database.create(lease.plan)
    if dump is not None:
        try:
            world.database.restore(lease.plan, dump)
        except DeckError as error:
            again = f"“agentdeck ls” tries again, “agentdeck rm {agent.name}” removes the agent again."
            error.hint = error.hint or f"Its dump is {dump}. {again}"
            raise
    return replace(lease, held=True)


def _restore_status(world: World, name: str, record: Path) -> None:
    """As it was when it was removed; one that was at work then was stopped by that."""
    status = Status(State.STOPPED, since=time.time(), reason="restored")
    # Where the removal was not finished, its own folder has it still.
    former = (folder / "status.json" for folder in (record, world.store.agent_folder(name)))
    path = next((path for path in former if path.exists()), None)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # what it said is derived
        status = Status.from_json(read_json(path)) if path is not None else status
        status = replace(status, runner_pid=None, agent_pid=None)
        if status.state.is_live:
            status = replace(status, state=State.STOPPED, since=time.time(), reason="stopped by its removal")
    world.store.put_status(name, status)
