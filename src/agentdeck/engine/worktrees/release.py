"""An agent's worktree on its way out: which one is its own, where it goes, and what stays of it."""

from __future__ import annotations

from pathlib import Path

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.leases import WorktreeLease
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.heads import own_branches
from agentdeck.engine.world import World
from agentdeck.errors import RefusedError
from agentdeck.system.git import branches, merges, snapshots, untrusted
from agentdeck.system.git.checkouts import Worktree, trees_on
from agentdeck.system.git.committing import let_folder_go
from agentdeck.system.git.going import Departure
from agentdeck.system.git.identity import Standing


def trash_ref(agent: Agent) -> str:
    return f"refs/agentdeck/trash/{agent.name}/{agent.trash}"


def departure(world: World, agent: Agent) -> Departure:
    """The removal of the agent's worktree; the agent must have its trash's stamp."""
    lease = agent.worktree
    if lease is None:
        raise RefusedError(f"{agent.name} has no worktree.")
    return Departure(world.repo, Path(lease.path), f"{agent.name}-{agent.trash}")


def own_worktree(world: World, agent: Agent) -> Worktree | None:
    """The worktree that was made for this agent: one that was in the way of a start was not, nor is one of which only
    the lease says so."""
    lease, found = agent.worktree, identity.record_of(world, agent)
    if lease is None or found is None:
        return None
    locked = found.locked or ""
    if locked == identity.lock_reason(agent.name) or locked.startswith("agentdeck is restoring"):
        return found
    return found if lease.held and found.is_complete and not locked.startswith(identity.lock_reason("")) else None


def let_go(world: World, agent: Agent, lease: WorktreeLease) -> str:
    """Let the worktree go, which was saved and moved out of its place, and the branches that are the agent's own.
    Return a sentence about what was left in place."""
    leave, found = departure(world, agent), identity.identity_of(world.repo.common, agent)
    is_in_place = leave.place is None and found.standing is not Standing.GONE
    own = identity.git_dir(world.repo.common, agent)
    left = leave.let_go()
    if own is not None and not own.exists():
        untrusted.unmark(world.repo.common, own)
    if is_in_place and lease.held:
        left = f"{found.path} was left unchanged: {found.why or 'it was not made for this agent'}."
    if not lease.keep_branch:
        ref = trash_ref(agent)
        snapshot = snapshots.load(world.repo, ref) if world.repo.commit(ref) else None
        _delete_branches(world, agent, lease, snapshot)
    let_folder_go(world.repo.common, lease.branch)
    return left


def _delete_branches(world: World, agent: Agent, lease: WorktreeLease, snapshot: snapshots.Snapshot | None) -> None:
    """Delete the agent's own branches whose tips are saved. One that it left with commits that neither its work nor
    its base has stays, and so does one that is checked out elsewhere."""
    repo, saved = world.repo, snapshot.branches if snapshot is not None else {}
    work = saved.get(lease.branch) or (snapshot.tip if snapshot is not None else None)
    base = repo.commit(f"refs/heads/{lease.base}")
    held = [each for each in (lease.base_commit, work, base) if each]
    gone = {}
    for branch in own_branches(lease):
        tip = repo.commit(f"refs/heads/{branch}")
        is_saved = tip in (saved.get(branch), lease.base_commit)
        if not tip or not is_saved or not _may_delete(world, agent, branch, tip, snapshot):
            continue
        if any(tree.path.is_dir() for tree in trees_on(repo, branch)):
            continue
        if tip in held or any(merges.is_ancestor(repo, tip, each) for each in held):
            gone[branch] = tip
    for branch, tip in gone.items():
        branches.delete_branch(repo, branch, tip)


def _may_delete(world: World, agent: Agent, branch: str, tip: str, snapshot: snapshots.Snapshot | None) -> bool:
    """Whether more than the lease says that the branch is the agent's, or another one holds its commits too."""
    prefix, _, suffix = world.settings.config.agent.branch.partition("{name}")
    if branch.startswith(f"{prefix}{agent.name}") and branch.endswith(suffix):
        return True
    if snapshot is not None and snapshot.branch == branch:
        return True
    return len(world.repo.lines("for-each-ref", "--count=2", "--contains", tip, "refs/heads", "refs/remotes")) > 1
