"""What git keeps of agents that are gone: records of worktrees, and branches whose work is in the base."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from functools import partial

from agentdeck.core.agents.agent import Agent
from agentdeck.engine.history.stale import Clearable, Pruning, Seen
from agentdeck.engine.records.parts import BranchGone, RecordGone
from agentdeck.engine.world import World
from agentdeck.system.files.files import private_folder
from agentdeck.system.git import branches, merges
from agentdeck.system.git.checkouts import Worktree, find_worktree, is_bare, list_worktrees, main_folder
from agentdeck.system.git.repository import Repository

_OURS = re.compile(r"agentdeck agent (\S+)|agentdeck is restoring [0-9a-f]+")
"""What the lock of a worktree says that we made."""


def stale_records(world: World, agents: list[Agent], trees: list[Worktree]) -> Iterator[Clearable]:
    """git's records of worktrees that are gone: they keep their branch checked out, though nobody sees it."""
    for tree in trees:
        if tree.git_dir == world.repo.common or not _is_abandoned(tree, agents):
            continue
        held = f", and holds the branch {tree.branch}" if tree.branch else ""
        yield Clearable(
            "worktree record",
            str(tree.path),
            f"its folder is gone{held}",
            0,
            True,
            partial(_clear_record, world, tree),
            partial(_is_still_abandoned, world, tree),
        )


def _is_abandoned(tree: Worktree, agents: list[Agent]) -> bool:
    ours = {os.path.realpath(lease.path) for agent in agents if (lease := agent.worktree)}
    if os.path.realpath(tree.path) in ours:
        return False
    is_ours = bool(_OURS.fullmatch(tree.locked or ""))
    return tree.prunable is not None or (is_ours and not os.path.lexists(tree.path))


def _is_still_abandoned(world: World, tree: Worktree, agents: list[Agent]) -> bool:
    now = find_worktree(world.repo, tree.git_dir)
    return now == tree and _is_abandoned(tree, agents)


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
    pruning.record(RecordGone(tree.git_dir.name, stamp, ref, str(tree.path), tree.branch or ""))
    shutil.move(tree.git_dir, kept)


def stale_branches(world: World, aside: Repository, agents: list[Agent], seen: Seen) -> Iterator[Clearable]:
    """Branches with a name as our agents' have, that no agent has, and whose work is in the base."""
    template = world.settings.config.agent.branch
    prefix, _, suffix = template.partition("{name}")
    main = _main_branch(world)
    tip = world.repo.commit(f"refs/heads/{main}") if main else None
    if tip is None or not prefix:
        return
    taken = _taken(agents, seen.trees) | {main}
    for oid, ref in seen.branches:
        branch = ref.removeprefix("refs/heads/")
        if branch in taken or not (branch.startswith(prefix) and branch.endswith(suffix)):
            continue
        if how := merges.is_landed(aside, tip, oid):
            clear, is_free = partial(_clear_branch, world, branch, oid), partial(_is_free, world, branch)
            yield Clearable("branch", branch, f"{how} into {main}", 0, True, clear, is_free)


def _taken(agents: list[Agent], trees: list[Worktree]) -> set[str]:
    """The branches that agents have, or that are checked out."""
    leases = [lease for agent in agents if (lease := agent.worktree)]
    names = {name for lease in leases for name in (lease.branch, *lease.former)}
    return names | {tree.branch for tree in trees if tree.branch and tree.path.exists()}


def _is_free(world: World, branch: str, agents: list[Agent]) -> bool:
    return branch not in _taken(agents, list_worktrees(world.repo))


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
    pruning.record(BranchGone(branch, tip, ref, tuple(settings)))
    branches.delete_branch(world.repo, branch, tip)
