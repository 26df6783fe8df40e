"""Whether an agent's worktree is still what its lease says. No git is run for it, so that every verb can ask."""

from __future__ import annotations

import os
from pathlib import Path

from agentdeck.core.agent import Agent, Lease
from agentdeck.engine.world import World
from agentdeck.errors import RefusedError
from agentdeck.system.git import Repository
from agentdeck.system.identity import Identity, Standing, back_pointer, check_usable, git_dir_of, identify


def git_dir(repo: Repository, lease: Lease) -> Path | None:
    """The git folder of the lease's worktree; None where git has no record of it.

    The lease is written where agents can write too: a folder that is not one of this repository's is not believed.
    """
    told = Path(str(lease.data.get("git_dir") or "/nowhere"))
    records = os.path.realpath(repo.common / "worktrees")
    if os.path.realpath(told.parent) == records and not told.is_symlink() and told.is_dir():
        return told
    found = git_dir_of(repo, Path(lease.data["path"]))
    return None if found == repo.common else found


def identity_of(repo: Repository, agent: Agent) -> Identity:
    """What lies where the agent's worktree should be."""
    lease = agent.lease("worktree")
    if lease is None:
        raise RefusedError(f"{agent.name} has no worktree.")
    return identify(Path(lease.data["path"]), git_dir(repo, lease))


def trouble(repo: Repository, agent: Agent) -> str:
    """What is wrong with the agent's worktree, as the end of a sentence; empty where it is right, or is gone."""
    lease = agent.lease("worktree")
    if lease is None or not lease.held:
        return ""
    found = identity_of(repo, agent)
    return "" if found.is_usable or found.standing is Standing.GONE else found.why


def check(repo: Repository, agent: Agent) -> None:
    """Raise ForeignError where something lies in the worktree's place that git can't be run in."""
    if agent.lease("worktree") is None:
        return
    found = identity_of(repo, agent)
    if found.standing is not Standing.GONE:
        check_usable(found, agent.name)


def enter(world: World, agent: Agent) -> Repository:
    """The repository as seen from the agent's worktree; raise ForeignError or NotFoundError where that can't be."""
    lease = agent.lease("worktree")
    found = identity_of(world.repo, agent)
    check_usable(found, agent.name)
    return world.repo.at(found.path, git_dir(world.repo, lease) if lease else None)


def moved_to(repo: Repository, agent: Agent) -> Path | None:
    """Where the agent's worktree is now, where it was moved with git since its lease was written; else None."""
    lease = agent.lease("worktree")
    if lease is None or not lease.held or os.path.lexists(lease.data["path"]):
        return None
    own = git_dir(repo, lease)
    place = back_pointer(own) if own else None
    if place is None or place == Path(lease.data["path"]):
        return None
    return place if identify(place, own).standing is Standing.OWN else None
