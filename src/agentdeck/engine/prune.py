"""Find what has gone stale, say why and how much room it takes, and clear it away: all that can be undone as one step.

Stale is what nobody needs any more (landed agents, merged branches), what lost its other half (records without folders,
leases, databases and windows without agents), and what is older than the trash keeps it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from agentdeck.core.agent import Agent, Mode, State
from agentdeck.core.events import Event
from agentdeck.engine import gateways, removal
from agentdeck.engine.gate import end_gate
from agentdeck.engine.landings import Landings
from agentdeck.engine.steps import Part, Step, Steps
from agentdeck.engine.world import Note, World
from agentdeck.errors import BusyError, DeckError, StoreError
from agentdeck.system import branches, changes, merges
from agentdeck.system.checkouts import Worktree, is_bare, list_worktrees, main_folder
from agentdeck.system.files import locked, private_folder, read_json
from agentdeck.system.git import Repository
from agentdeck.system.usage import disk_bytes

_DAY = 24 * 3600.0
_TURN = 60.0
"""Seconds to wait for another prune."""
_OURS = re.compile(r"agentdeck agent (\S+)|agentdeck is restoring [0-9a-f]+")
"""What the lock of a worktree says that we made."""


@dataclass(frozen=True, slots=True)
class Stale:
    """One thing that can go."""

    kind: str
    """`agent`, `branch`, `worktree record`, `database`, `ports`, `window`, `gateway`, `files`, `log`, `landing`,
    `trash`."""
    what: str
    why: str
    room: int
    """Bytes on disk; 0 where that is nothing worth telling."""
    can_be_undone: bool
    clear: Callable[[Pruning], None] = field(compare=False, repr=False)
    """Clears it away, after it was written down in the step what brings it back."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """One run of prune, which is one step."""

    world: World
    key: str
    note: Note

    def record(self, part: Part) -> None:
        """Write down what is about to be cleared away; taking it back again does nothing where it never went."""
        Steps(self.world.store).record(self.key, "pruned", part)


def find_stale(world: World) -> list[Stale]:
    """All of it, without touching anything."""
    if not world.store.exists:
        return []
    agents = [agent for name in world.store.names() if (agent := world.store.agent(name)) is not None]
    trees = list_worktrees(world.repo)
    with world.repo.objects_aside() as aside:
        finders = (
            _agents(world, aside, agents, trees),
            _helpers(world, agents),
            _records(world, agents, trees),
            _branches(world, aside, agents, trees),
            _databases(world, agents),
            _leases(world, agents),
            _gateway(world),
            _old(world, agents),
        )
        return [stale for finder in finders for stale in finder]


def prune(world: World, found: Iterable[Stale], note: Note) -> tuple[Step | None, list[Stale]]:
    """Clear away what of `found` is stale still, each as it comes; return the step that undoes what can be undone, and
    what failed."""
    key, failed = f"prune {secrets.token_hex(6)}", []
    steps = Steps(world.store.open())
    with locked(private_folder(world.store.folder / "steps") / "prune.lock", wait=_TURN, what="a prune"):
        # Since the list was shown, someone may have come back to some of it, or another prune had its turn.
        now = {(stale.kind, stale.what): stale for stale in find_stale(world)}
        for each in found:
            stale = now.get((each.kind, each.what))
            if stale is None:
                continue
            try:
                stale.clear(Pruning(world, key, note))
            except DeckError as error:
                failed.append(stale)
                note(Event("warning", stale.what, f"not pruned: {error.title}", {"detail": error.detail}))
                continue
            note(Event("pruned", stale.what, f"pruned ({stale.why})", {"kind": stale.kind, "room": stale.room}))
    step = next((step for step in reversed(steps.all()) if step.key == key), None)
    if step is not None:
        step = steps.retitle(step.number, f"pruned {len(step.parts)} thing{'s' if len(step.parts) > 1 else ''}")
    return step, failed


# Agents


def _agents(world: World, aside: Repository, agents: list[Agent], trees: list[Worktree]) -> Iterator[Stale]:
    by_path = {os.path.realpath(tree.path): tree for tree in trees}
    for agent in agents:
        lease = agent.lease("worktree")
        if lease is None or agent.landing or world.lives(agent.name) or world.store.in_operation(agent.name):
            continue
        path = Path(lease.data["path"])
        if not path.is_dir():
            why = "its worktree was deleted by hand"
            yield _agent(world, agent, why, 0)
            continue
        tree = by_path.get(os.path.realpath(path))
        why = _landed(world, aside, agent, tree)
        if why and not changes.uncommitted(world.repo.at(path)):
            yield _agent(world, agent, why, disk_bytes(path))


def _landed(world: World, aside: Repository, agent: Agent, tree: Worktree | None) -> str:
    lease = agent.lease("worktree")
    if lease is None or tree is None or tree.branch != lease.data["branch"] or tree.head is None:
        return ""
    if agent.landed is not None and tree.head == agent.landed[0]:
        landed = world.repo.commit(f"refs/heads/{lease.data['base']}")
        if landed and merges.is_ancestor(world.repo, agent.landed[1], landed):
            return "it landed"
    if world.store.status(agent.name).state is not State.LANDED and tree.head == lease.data["base_commit"]:
        return ""
    base = world.repo.commit(f"refs/heads/{lease.data['base']}")
    how = merges.is_landed(aside, base, tree.head) if base else ""
    return f"its branch is {how} into {lease.data['base']}" if how else ""


def _agent(world: World, agent: Agent, why: str, room: int) -> Stale:
    def clear(pruning: Pruning) -> None:
        with world.store.operation(agent.name, wait=2):
            current = world.store.agent(agent.name)
            if world.lives(agent.name):
                raise BusyError(f"{agent.name} runs again.")
            if current is not None:
                removal.remove(world, current, pruning.note, step=pruning.key)

    return Stale("agent", agent.name, why, room, True, clear)


def _helpers(world: World, agents: list[Agent]) -> Iterator[Stale]:
    """Gates, and windows in which a conflict was resolved, that outlived their landing because something kept them."""
    landings = Landings(world.store)
    for agent in agents:
        if not agent.landing or world.store.in_operation(agent.name):
            continue
        if not (landings.is_running(agent.landing) or agent.landing in landings.dead() or world.lives(agent.name)):
            lease = agent.lease("worktree")
            room = disk_bytes(Path(lease.data["path"])) if lease else 0
            why = "its landing has ended, and could not remove it"
            yield Stale("agent", agent.name, why, room, False, partial(_clear_helper, world, agent))


def _clear_helper(world: World, agent: Agent, pruning: Pruning) -> None:
    end_gate(world, agent.name, keep_work=agent.mode is Mode.INTERACTIVE)


# What git keeps


def _records(world: World, agents: list[Agent], trees: list[Worktree]) -> Iterator[Stale]:
    """git's records of worktrees that are gone: they keep their branch checked out, though nobody sees it."""
    ours = {os.path.realpath(lease.data["path"]) for agent in agents if (lease := agent.lease("worktree"))}
    for tree in trees:
        if tree.git_dir == world.repo.common or os.path.realpath(tree.path) in ours:
            continue
        if tree.prunable is None and not (_OURS.fullmatch(tree.locked or "") and not os.path.lexists(tree.path)):
            continue
        held = f", and holds the branch {tree.branch}" if tree.branch else ""
        yield Stale(
            "worktree record",
            str(tree.path),
            f"its folder is gone{held}",
            0,
            True,
            partial(_clear_record, world, tree),
        )


def _clear_record(world: World, tree: Worktree, pruning: Pruning) -> None:
    stamp = f"{time.time_ns()}"
    kept = private_folder(world.store.trash / "records") / f"{tree.git_dir.name}-{stamp}"
    ref = f"refs/agentdeck/trash/records/{tree.git_dir.name}-{stamp}"
    # What was staged, and a detached HEAD, would else be garbage to git.
    env = {"GIT_DIR": str(tree.git_dir), "GIT_INDEX_FILE": str(tree.git_dir / "index")}
    staged = world.repo.run("write-tree", env=env)
    parents = ["-p", tree.head] if tree.head else []
    if staged:
        message = f"agentdeck: git's record of {tree.path}"
        commit = world.repo.git("commit-tree", staged.text.strip(), *parents, "-m", message, env=merges.NOBODY)
        world.repo.git("update-ref", ref, commit)
    elif tree.head:
        world.repo.git("update-ref", ref, tree.head)
    part = {"kind": "record", "name": tree.git_dir.name, "stamp": stamp, "ref": ref, "path": str(tree.path)}
    pruning.record({**part, "branch": tree.branch or ""})
    shutil.move(tree.git_dir, kept)


def _branches(world: World, aside: Repository, agents: list[Agent], trees: list[Worktree]) -> Iterator[Stale]:
    """Branches with a name as our agents' have, that no agent has, and whose work is in the base."""
    template = world.settings.config.agent.branch
    prefix, _, suffix = template.partition("{name}")
    main = _main_branch(world)
    tip = world.repo.commit(f"refs/heads/{main}") if main else None
    if tip is None or not prefix:
        return
    taken = {lease.data["branch"] for agent in agents if (lease := agent.lease("worktree"))}
    taken |= {tree.branch for tree in trees if tree.branch and tree.path.exists()} | {main}
    for line in world.repo.lines("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads"):
        oid, _, ref = line.partition(" ")
        branch = ref.removeprefix("refs/heads/")
        if branch in taken or not (branch.startswith(prefix) and branch.endswith(suffix)):
            continue
        if how := merges.is_landed(aside, tip, oid):
            yield Stale("branch", branch, f"{how} into {main}", 0, True, partial(_clear_branch, world, branch, oid))


def _main_branch(world: World) -> str:
    configured = world.settings.config.agent.base
    if configured:
        return configured
    folder = world.repo.common if is_bare(world.repo) else main_folder(world.repo)
    return world.repo.at(folder).run("symbolic-ref", "--quiet", "--short", "HEAD").text.strip()


def _clear_branch(world: World, branch: str, tip: str, pruning: Pruning) -> None:
    ref = f"refs/agentdeck/trash/branches/{secrets.token_hex(6)}"
    settings = branches.branch_settings(world.repo, branch)
    world.repo.git("update-ref", ref, tip)
    part = {"kind": "branch", "branch": branch, "tip": tip, "ref": ref}
    pruning.record({**part, "settings": [list(each) for each in settings]})
    branches.delete_branch(world.repo, branch, tip)


# What lost its agent


def _databases(world: World, agents: list[Agent]) -> Iterator[Stale]:
    """Databases that were left when their agents were removed with --keep-database, and that no agent has again."""
    used = [lease.data for agent in agents if (lease := agent.lease("database"))]
    for path in sorted((world.store.folder / "databases").glob("*.json")):
        kept = _kept_database(path)
        if any(removal.is_same_database(kept["plan"], plan) for plan in used):
            continue
        name = kept["plan"].get("name") or kept["plan"].get("path") or kept["agent"]
        why = f"its agent {kept['agent']} was removed without it"
        yield Stale("database", str(name), why, 0, True, partial(_clear_database, world, path))


def _kept_database(path: Path) -> dict[str, Any]:
    try:
        kept = read_json(path)
        return {"agent": str(kept["agent"]), "plan": dict(kept["plan"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        title = f"What is known of a database in {path} can't be read."
        raise StoreError(title, detail=str(error), hint="Move it away.") from error


def _clear_database(world: World, path: Path, pruning: Pruning) -> None:
    kept = _kept_database(path)
    if world.database is None:
        raise BusyError("agentdeck.toml configures no database now.")
    if not world.database.exists(kept["plan"]):
        path.unlink()
        return
    folder = private_folder(world.store.trash / f"database-{kept['agent']}-{time.time_ns()}")
    dump = world.database.dump(kept["plan"], folder / "database")
    pruning.record({"kind": "database", "agent": kept["agent"], "plan": kept["plan"], "dump": str(dump or "")})
    world.database.drop(kept["plan"])
    path.unlink()


def _leases(world: World, agents: list[Agent]) -> Iterator[Stale]:
    names = {agent.name for agent in agents}
    for lease in world.ports.owners():
        if lease.deck == world.deck and lease.agent not in names:
            shown = ", ".join(map(str, lease.ports))
            clear = partial(_release_ports, world, lease.agent)
            yield Stale("ports", shown, f"handed out to {lease.agent}, which is no more", 0, False, clear)
    for window in world.tmux.windows():
        if window.session == world.deck and window.name not in names:
            clear = partial(_close_window, world, window.name)
            yield Stale("window", window.name, "no agent of this deck is in it", 0, False, clear)
    folder = Path(tempfile.gettempdir()) / f"agentdeck-{os.getuid()}"
    for path in sorted(folder.glob(f"{world.store.deck_id}-*")):
        if path.name.removeprefix(f"{world.store.deck_id}-") not in names:
            clear = partial(_delete, [path])
            yield Stale(
                "files", str(path), "temporary files of an agent that is no more", disk_bytes(path), False, clear
            )


def _gateway(world: World) -> Iterator[Stale]:
    if gateways.is_idle():
        clear = partial(_stop_gateway, world)
        yield Stale("gateway", "gateway", "no agent of any repository runs; it starts again by itself", 0, False, clear)
    for deck in gateways.forgotten():
        yield Stale(
            "gateway", deck, "the gateway's plan of a repository that is gone", 0, False, partial(_forget, deck)
        )


def _stop_gateway(world: World, pruning: Pruning) -> None:
    if gateways.is_idle():
        gateways.stop(world)


def _forget(deck: str, pruning: Pruning) -> None:
    gateways.forget(deck)


def _release_ports(world: World, agent: str, pruning: Pruning) -> None:
    world.ports.release(world.deck, agent)


def _close_window(world: World, name: str, pruning: Pruning) -> None:
    world.tmux.close_window(world.deck, name)


def _delete(paths: list[Path], pruning: Pruning) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


# What is too old


def _old(world: World, agents: list[Agent]) -> Iterator[Stale]:
    days = world.settings.config.trash.keep_days
    limit = time.time() - days * _DAY
    used = {lease.data.get("log") for agent in agents if (lease := agent.lease("pane"))}
    logs = [path for path in (world.store.folder / "logs").glob("*") if str(path) not in used]
    yield from _aged("log", [path for path in logs if path.stat().st_mtime < limit], days)
    over = [landing for landing in Landings(world.store).all() if landing.ended and landing.at < limit]
    yield from _aged("landing", [world.store.folder / "landings" / f"{landing.id}.json" for landing in over], days)
    expired = [step for step in Steps(world.store).all() if step.at < limit]
    folders = [path for path in world.store.trash.glob("*") if path.name != "records" and path.stat().st_mtime < limit]
    folders += [path for path in (world.store.trash / "records").glob("*") if path.stat().st_mtime < limit]
    refs = [ref for ref, at in _trash_refs(world) if at < limit]
    if expired or folders or refs:
        what = f"{len(expired)} steps, {len(refs)} snapshots"
        room = sum(disk_bytes(folder) for folder in folders)
        clear = partial(_expire, world, [step.number for step in expired], folders, refs)
        yield Stale("trash", what, f"older than {days} days; these can't be undone any more", room, False, clear)


def _aged(kind: str, paths: list[Path], days: int) -> Iterator[Stale]:
    if paths:
        room = sum(path.stat().st_size for path in paths)
        what = f"{len(paths)} {kind}{'s' if len(paths) > 1 else ''}"
        yield Stale(kind, what, f"older than {days} days", room, False, partial(_delete, paths))


def _trash_refs(world: World) -> list[tuple[str, float]]:
    words = ("for-each-ref", "--format=%(refname) %(creatordate:unix)", "refs/agentdeck/trash")
    found = []
    for line in world.repo.lines(*words):
        ref, _, at = line.rpartition(" ")
        # What git's own date does not tell, as of a branch's old tip, has expired only with its step.
        kept = ref.startswith(("refs/agentdeck/trash/branches/", "refs/agentdeck/trash/records/"))
        if not kept:
            found.append((ref, float(at)))
    return found


def _expire(world: World, numbers: list[int], folders: list[Path], refs: list[str], pruning: Pruning) -> None:
    steps = Steps(world.store)
    held = [
        part["ref"] for number in numbers for part in steps.get(number).parts if part["kind"] in ("branch", "record")
    ]
    gone = "".join(f"delete {ref}\n" for ref in sorted({*refs, *held}))
    world.repo.git("update-ref", "--stdin", stdin=gone.encode("utf-8", "surrogateescape"))
    for number in numbers:
        steps.forget(number)
    _delete(folders, pruning)
