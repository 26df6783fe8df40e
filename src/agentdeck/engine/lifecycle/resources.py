"""What an agent holds, in order: worktree, ports, database, env file; its pane is last.

Each resource has the same four verbs. Before one is acquired its intent is in the store, afterwards its lease; so
whatever moment a crash picks, the record says what may exist, and acquiring or releasing it again is harmless.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.leases import DatabaseLease, EnvFileLease, Lease, PortsLease, WorktreeLease
from agentdeck.core.frozen import asdict, replace
from agentdeck.engine.lifecycle import compose
from agentdeck.engine.lifecycle.kept_databases import keep_database
from agentdeck.engine.worktrees import identity
from agentdeck.engine.world import World
from agentdeck.errors import DatabaseError, RefusedError
from agentdeck.system.files.files import delete, leads_into, private_folder
from agentdeck.system.files.scratch import agents_folder
from agentdeck.system.git import branches, hooks, worktrees
from agentdeck.system.git.carry import carry_over
from agentdeck.system.git.checkouts import find_worktree, is_bare
from agentdeck.system.machine import envfile

if TYPE_CHECKING:
    from agentdeck.system.databases import Database


_Held_contra = TypeVar("_Held_contra", bound=Lease, contravariant=True)


class Presence(StrEnum):
    HELD = "held"
    GONE = "gone"
    FOREIGN = "foreign"
    """Something is there, but it is not what the lease says."""


class Resource(Protocol[_Held_contra]):
    """One kind of thing that an agent holds."""

    kind: str

    def plan(self, world: World, agent: Agent) -> dict[str, Any] | None:
        """Choose what to acquire without touching anything; None where the configuration wants none."""

    def acquire(self, world: World, agent: Agent, lease: _Held_contra) -> dict[str, Any]:
        """Make it, or complete what an earlier try began; return the lease's data."""

    def check(self, world: World, agent: Agent, lease: _Held_contra) -> Presence: ...

    def release(self, world: World, agent: Agent, lease: _Held_contra, saved: Path | None) -> str:
        """Let it go; do nothing where it is gone. With `saved`, what it holds is kept in that folder first. Return a
        sentence about what was left in place; empty where nothing was."""

    def describe(self, lease: _Held_contra) -> str: ...

    def variables(self, world: World, agent: Agent, lease: _Held_contra) -> dict[str, str]:
        """What the agent's environment gets from it."""


class WorktreeResource:
    kind = "worktree"

    def plan(self, world: World, agent: Agent) -> dict[str, Any]:
        config = world.settings.config
        base = agent.base or config.agent.base or None
        if agent.landing:
            plan = branches.BranchPlan("", agent.base, agent.base_commit, create=False)
        else:
            plan = branches.plan_branch(world.repo, agent.name, agent.branch or None, base, config.agent.branch)
            if agent.base_commit and plan.create:
                plan = replace(plan, base_commit=agent.base_commit)
        path = worktrees.place(world.repo, config.worktree.path, agent.name)
        return {"path": str(path), **asdict(plan)}

    def acquire(self, world: World, agent: Agent, lease: WorktreeLease) -> dict[str, Any]:
        settings, reason = world.settings, identity.lock_reason(agent.name)
        config = settings.config.worktree
        path = Path(lease.path)
        if lease.held:
            identity.check(world.repo.common, agent)
        if path.is_relative_to(world.root):
            worktrees.exclude(world.repo, f"/{path.relative_to(world.root).parts[0]}/")
        plan = plan_of(lease)
        if lease.held and plan.create and world.repo.commit(f"refs/heads/{plan.branch}"):
            plan = replace(plan, create=False)  # only the worktree is gone
        made = worktrees.add(world.repo, path, plan, reason=reason, submodules=config.submodules)
        notes = [made.note]
        if not is_bare(world.repo):
            hooked = hooks.folder(world.repo)
            copy = [*config.copy_files, *settings.include, *hooks.pattern(hooked)]
            carry_over(world.repo, world.root, path, copy=copy, link=config.link)
            notes.append(hooks.missing(hooked, world.root, path))
        project = compose.project(world, agent, world.repo.at(path, made.git_dir))
        return lease.changed(compose=project, git_dir=str(made.git_dir), note="\n".join(filter(None, notes))).data

    def check(self, world: World, agent: Agent, lease: WorktreeLease) -> Presence:
        found = find_worktree(world.repo, Path(lease.path))
        if found is None or found.prunable or not found.path.is_dir():
            return Presence.FOREIGN if os.path.lexists(lease.path) else Presence.GONE
        # On whatever branch: see engine/worktrees/heads.py.
        return Presence.HELD if identity.identity_of(world.repo.common, agent).is_usable else Presence.FOREIGN

    def release(self, world: World, agent: Agent, lease: WorktreeLease, saved: Path | None) -> str:
        from agentdeck.engine.worktrees.release import let_go  # late, for a start

        return let_go(world, agent, lease)

    def describe(self, lease: WorktreeLease) -> str:
        return f"{lease.path} on {lease.branch or lease.base_commit[:12]}"

    def variables(self, world: World, agent: Agent, lease: WorktreeLease) -> dict[str, str]:
        names = {"AGENTDECK_WORKTREE": lease.path, "AGENTDECK_BRANCH": lease.branch}
        return names | compose.variables(world, agent, lease.compose)


class PortsResource:
    kind = "ports"

    def plan(self, world: World, agent: Agent) -> dict[str, Any] | None:
        return {} if world.settings.config.ports.per_agent else None

    def acquire(self, world: World, agent: Agent, lease: PortsLease) -> dict[str, Any]:
        config = world.settings.config.ports
        ports = world.ports.reserve(
            world.deck, agent.name, config.per_agent, config.range, replace_taken=not world.lives(agent.name)
        )
        return {"ports": ports}

    def check(self, world: World, agent: Agent, lease: PortsLease) -> Presence:
        owner = (world.deck, agent.name, False)
        mine = [each for each in world.ports.owners() if (each.deck, each.agent, each.lingering) == owner]
        if not mine:
            return Presence.GONE
        return Presence.HELD if tuple(mine[0].ports) == lease.ports else Presence.FOREIGN

    def release(self, world: World, agent: Agent, lease: PortsLease, saved: Path | None) -> str:
        world.ports.release(world.deck, agent.name)
        return ""

    def describe(self, lease: PortsLease) -> str:
        return ", ".join(str(port) for port in lease.ports)

    def variables(self, world: World, agent: Agent, lease: PortsLease) -> dict[str, str]:
        from agentdeck.system.machine.ports import variables

        return variables(lease.ports, world.safe_settings.config.ports.names)


class DatabaseResource:
    kind = "database"

    def plan(self, world: World, agent: Agent) -> dict[str, Any] | None:
        if world.database is None:
            return None
        plan = world.database.plan(world.store.deck_id, agent.name, worktree_of(agent))
        wants_role = agent.box and plan.get("engine") == "postgres" and world.settings.config.database.own_role
        return {**plan, "role": plan["name"]} if wants_role else plan

    def acquire(self, world: World, agent: Agent, lease: DatabaseLease) -> dict[str, Any]:
        if world.database is not None:
            world.database.create(lease.plan)
        return lease.plan

    def check(self, world: World, agent: Agent, lease: DatabaseLease) -> Presence:
        return Presence.HELD if world.database is not None and world.database.exists(lease.plan) else Presence.GONE

    def release(self, world: World, agent: Agent, lease: DatabaseLease, saved: Path | None) -> str:
        if lease.keep:
            keep_database(world.store, agent.name, lease.plan)
            return ""
        database = self.check_release(world, agent, lease)
        if database is None:
            return ""
        if saved is not None and not list(saved.glob("database*")):
            self.save(world, lease, saved)
        with _way_out(agent):
            database.drop(lease.plan)
        return ""

    def check_release(self, world: World, agent: Agent, lease: DatabaseLease) -> Database | None:
        """Raise where it can't be dumped and dropped now; return None where there is nothing to drop."""
        if world.database is None:
            raise RefusedError(
                f"{agent.name}'s database can't be dropped: agentdeck.toml no longer configures one.",
                hint=f"Restore [database] as it was, or: agentdeck rm --keep-database {agent.name}",
            )
        with _way_out(agent):
            if not world.database.exists(lease.plan):
                return None
            if world.settings.config.database.keep_dump:
                world.database.check_dump()
        return world.database

    def save(self, world: World, lease: DatabaseLease, saved: Path, *, moved: tuple[Path, Path] | None = None) -> None:
        """Dump it to the folder `saved`, where that is wanted. With `moved`, a database that is a file below the first
        of the two paths is below the second now."""
        plan = lease.plan
        if moved is not None and "path" in plan and Path(plan["path"]).is_relative_to(moved[0]):
            plan = {**plan, "path": str(moved[1] / Path(plan["path"]).relative_to(moved[0]))}
        if world.database is not None and world.settings.config.database.keep_dump and world.database.exists(plan):
            world.database.dump(plan, saved / "database")

    def describe(self, lease: DatabaseLease) -> str:
        return lease.shown

    def variables(self, world: World, agent: Agent, lease: DatabaseLease) -> dict[str, str]:
        return {} if world.database is None else world.database.variables(lease.plan)


class EnvFileResource:
    """The managed block in the worktree's env file, and the agent's own folder for temporary files."""

    kind = "env file"

    def plan(self, world: World, agent: Agent) -> dict[str, Any]:
        name = world.settings.config.env_file.path
        path = worktree_of(agent) / name
        if name and not leads_into(path.parent, worktree_of(agent)):
            raise RefusedError(
                f"{path} leads out of the agent's worktree, so nothing is written there.",
                hint="Set env_file.path to a file in the worktree, or to “”.",
            )
        # Under /tmp and short, because programs put sockets there, whose paths may have 104 bytes at most.
        folder = agents_folder() / f"{world.store.deck_id}-{agent.name}"
        return {"path": str(path) if name else "", "tmp": str(folder)}

    def acquire(self, world: World, agent: Agent, lease: EnvFileLease) -> dict[str, Any]:
        private_folder(Path(lease.tmp))
        if lease.path and not self._tracked(world, agent, lease):
            path = Path(lease.path)
            worktrees.exclude(world.repo, f"/{path.relative_to(worktree_of(agent))}")
            envfile.write(path, resource_variables(world, agent))
        return lease.data

    def check(self, world: World, agent: Agent, lease: EnvFileLease) -> Presence:
        if not Path(lease.tmp).is_dir():
            return Presence.GONE
        is_there = not lease.path or os.path.lexists(lease.path)
        if is_there or not identity.identity_of(world.repo.common, agent).is_usable:
            return Presence.HELD
        return Presence.HELD if self._tracked(world, agent, lease) else Presence.GONE

    def release(self, world: World, agent: Agent, lease: EnvFileLease, saved: Path | None) -> str:
        # The block goes with the worktree, which is to be removed as it was saved.
        delete(Path(lease.tmp))
        return ""

    def describe(self, lease: EnvFileLease) -> str:
        return lease.path or lease.tmp

    def variables(self, world: World, agent: Agent, lease: EnvFileLease) -> dict[str, str]:
        caches = {name: str(Path(lease.tmp) / name.lower()) for name in world.settings.config.env_file.caches}
        return {"TMPDIR": lease.tmp, **caches}

    def _tracked(self, world: World, agent: Agent, lease: EnvFileLease) -> bool:
        """Whether the file is under version control; then the block would end up in the agent's commits."""
        folder = worktree_of(agent)
        if not folder.is_dir():
            return True
        return compose.has_env_file(identity.enter(world, agent), os.path.relpath(lease.path, folder))


@contextlib.contextmanager
def _way_out(agent: Agent) -> Iterator[None]:
    """Tell, where its database keeps an agent from being removed, how to remove it all the same."""
    try:
        yield
    except DatabaseError as error:
        way_out = f"“agentdeck rm --keep-database {agent.name}” removes the agent and leaves its database."
        raise DatabaseError(error.title, detail=error.detail, hint=f"{error.hint} {way_out}".strip()) from error


DATABASE = DatabaseResource()
RESOURCES: tuple[Resource[Any], ...] = (WorktreeResource(), PortsResource(), DATABASE, EnvFileResource())
"""All but the pane, in the order of acquisition: what has variables."""
_BY_KIND = {resource.kind: resource for resource in RESOURCES}


def plan_of(lease: WorktreeLease) -> branches.BranchPlan:
    return branches.BranchPlan(lease.branch, lease.base, lease.base_commit, lease.create, lease.upstream, lease.note)


def worktree_of(agent: Agent) -> Path:
    lease = agent.worktree
    if lease is None:
        raise RefusedError(f"{agent.name} has no worktree.")
    return Path(lease.path)


def resource_variables(world: World, agent: Agent) -> dict[str, str]:
    """The variables of all that `agent` holds or is about to hold, in the order of acquisition."""
    return {name: value for found in variables_by_kind(world, agent).values() for name, value in found.items()}


def variables_by_kind(world: World, agent: Agent) -> dict[str, dict[str, str]]:
    """The same, by the kind of resource that gives them; what the agent itself gives is under `agent`."""
    found = {"agent": {"AGENTDECK_AGENT": agent.name, "AGENTDECK_DECK": world.deck}}
    for lease in agent.leases:
        if (resource := _BY_KIND.get(lease.kind)) is not None:
            found[lease.kind] = resource.variables(world, agent, lease)
    return found
