"""Whether an agent's worktree is still what its lease says. No git is run for it, so that every verb can ask."""

from __future__ import annotations

import os
from pathlib import Path

from agentdeck.core.agents.agent import Agent
from agentdeck.core.text.hashes import sha1, sha256
from agentdeck.engine.worktrees.boxed import take_in
from agentdeck.engine.world import World
from agentdeck.errors import RefusedError
from agentdeck.system.files.files import bytes_of, text_of, write_atomic
from agentdeck.system.git.checkouts import Worktree, find_worktree
from agentdeck.system.git.identity import (
    Identity,
    Standing,
    back_pointer,
    check_usable,
    free_beside,
    git_dir_of,
    has_head,
    identify,
    point_at_each_other,
)
from agentdeck.system.git.repository import Repository


def lock_reason(name: str) -> str:
    """What git's lock says of the worktree of the agent `name`."""
    return f"agentdeck agent {name}"


def git_dir(common: Path, agent: Agent) -> Path | None:
    """The git folder of the agent's worktree; None where git has no record of it.

    The lease is written where agents can write too: a folder that is not one of this repository's worktrees, or is
    another agent's, is not believed.
    """
    lease = agent.worktree
    if lease is None:
        return None
    told = Path(lease.git_dir or "/nowhere")
    records = os.path.realpath(common / "worktrees")
    if os.path.realpath(told.parent) == records and not told.is_symlink() and _may_be_of(told, agent.name):
        return told
    found = git_dir_of(common, Path(lease.path))
    return found if found is not None and found != common and _may_be_of(found, agent.name) else None


def _may_be_of(record: Path, name: str) -> bool:
    """Whether git's lock there does not say that it is another agent's."""
    try:
        locked = text_of(record / "locked").strip()
    except OSError:
        locked = ""
    return record.is_dir() and (not locked.startswith(lock_reason("")) or locked == lock_reason(name))


def identity_of(common: Path, agent: Agent) -> Identity:
    """What lies where the agent's worktree should be."""
    lease = agent.worktree
    if lease is None:
        raise RefusedError(f"{agent.name} has no worktree.")
    return identify(Path(lease.path), git_dir(common, agent))


def record_of(world: World, agent: Agent) -> Worktree | None:
    """git's record of the agent's worktree, wherever that says it lies; None where there is none."""
    take_in(world, agent)
    own = git_dir(world.repo.common, agent)
    return find_worktree(world.repo, own) if own else None


def trouble(common: Path, agent: Agent) -> str:
    """What is wrong with the agent's worktree, as the end of a sentence; empty where it is right, is gone, or is on
    another host."""
    lease = agent.worktree
    if agent.host or lease is None or not lease.held:
        return ""
    told = lease.git_dir
    if told.startswith(f"{common}/worktrees/") and point_at_each_other(lease.path, told):
        return ""
    found = identity_of(common, agent)
    return "" if found.is_usable or found.standing is Standing.GONE else found.why


def check(common: Path, agent: Agent) -> None:
    """Raise ForeignError where something lies in the worktree's place that git can't be run in."""
    if agent.worktree is None:
        return
    found = identity_of(common, agent)
    if found.standing is not Standing.GONE:
        check_usable(found, agent.name)


def enter(world: World, agent: Agent) -> Repository:
    """The repository as seen from the agent's worktree; raise ForeignError or NotFoundError where that can't be."""
    found = identity_of(world.repo.common, agent)
    check_usable(found, agent.name)
    take_in(world, agent)
    return world.repo.at(found.path, git_dir(world.repo.common, agent))


def mend_head(common: Path, agent: Agent) -> None:
    """Put a worktree whose HEAD is damaged on the branch of its lease again, or on the commit that it was made from;
    what HEAD said stays beside it. Without a HEAD git takes the git folder for none, and nothing could be saved."""
    lease, own = agent.worktree, git_dir(common, agent)
    if lease is None or own is None or identify(Path(lease.path), own).standing is not Standing.CUT_OFF:
        return
    if has_head(own):
        return
    head = own / "HEAD"
    if os.path.lexists(head):
        head.rename(free_beside(head))
    write_atomic(head, f"ref: refs/heads/{lease.branch}\n" if lease.branch else f"{lease.base_commit}\n", 0o644)


def mend_index(world: World, agent: Agent) -> None:
    """Make the worktree's index anew from HEAD where it is damaged. The damaged one stays beside it; files are left as
    they are."""
    own, found = git_dir(world.repo.common, agent), identity_of(world.repo.common, agent)
    if own is None or not found.is_usable or _is_sealed(own / "index"):
        return
    (own / "index").rename(free_beside(own / "index"))
    world.repo.at(found.path, own).run("read-tree", "HEAD")


def _is_sealed(index: Path) -> bool:
    """Whether the file ends in its own hash, which git does not check; zeros are none (`index.skipHash`)."""
    try:
        data = bytes_of(index)
    except OSError:
        return not os.path.lexists(index)  # git takes none for an empty one
    is_hash = sha1(data[:-20]).digest() == data[-20:] or sha256(data[:-32]).digest() == data[-32:]
    return data.startswith(b"DIRC") and (is_hash or not any(data[-20:]))


def moved_to(common: Path, agent: Agent) -> Path | None:
    """Where the agent's worktree is now, where it was moved with git since its lease was written; else None."""
    lease = agent.worktree
    if lease is None or not lease.held:
        return None
    if point_at_each_other(lease.path, lease.git_dir):
        return None
    if identity_of(common, agent).is_ours:
        return None
    own = git_dir(common, agent)
    place = back_pointer(own) if own else None
    return place if place and identify(place, own).standing is Standing.OWN else None
