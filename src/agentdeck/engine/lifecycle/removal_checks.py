"""What can keep an agent from being removed. It is asked before anything is touched."""

from __future__ import annotations

import os
from pathlib import Path

from agentdeck.core.agents.agent import Agent
from agentdeck.core.text.text import listed, size_text
from agentdeck.engine.lifecycle import leases
from agentdeck.engine.lifecycle.resources import DATABASE
from agentdeck.engine.worktrees.release import own_worktree
from agentdeck.engine.world import World
from agentdeck.errors import RefusedError
from agentdeck.system.git import going, leaving
from agentdeck.system.git.captures import capture
from agentdeck.system.git.checkouts import Worktree, enter
from agentdeck.system.git.identity import identify
from agentdeck.system.git.ignored import ignored_files
from agentdeck.system.git.rawtrees import RawTrees

_SHOWN = 6
"""Places of unsaved files that are named."""

_BESIDE = ("", "-wal", "-shm", "-journal")
"""Ends of the names of a database's files."""


def check(world: World, agent: Agent, *, keep_database: bool) -> None:
    """Raise where the agent can't be removed as it stands; change nothing."""
    database = agent.database
    if database is not None and not keep_database and not leases.doubt(world, agent, database):
        DATABASE.check_release(world, agent, database)
    if agent.worktree is None:
        return
    found = own_worktree(world, agent)
    if found is None:
        return
    if found.git_dir == world.repo.common:
        raise RefusedError(f"{found.path} is the repository's main worktree and can't be removed.")
    if identify(found.path, found.git_dir).is_deletable:
        going.check_can_move(found.path)
        _check_inner(world, agent, found)
        if world.lives(agent.name):
            _fingerprint(world, found)  # what can't be saved is found before the agent is stopped for it


def unsaved(world: World, agent: Agent) -> str:
    """What a removal does not save, in a sentence: files that git ignores and that were made or changed in the
    worktree. Empty where there are none, or they are saved."""
    found = own_worktree(world, agent)
    if world.settings.config.trash.ignored or agent.is_gate or found is None:
        return ""
    if not identify(found.path, found.git_dir).is_usable:
        return ""
    held = (lease.path for lease in (agent.env_file, agent.database) if lease is not None)
    known = {Path(path + end) for path in held if path for end in _BESIDE}
    known |= {path.parent / ".gitignore" for path in known}  # what keeps a database out of git
    left = ignored_files(enter(world.repo, found), world.root, known)
    if not left.files:
        return ""
    files = f"{'' if left.is_all else 'more than '}{left.files:,} file{'s' if left.files > 1 else ''}"
    places = listed(left.places, _SHOWN)
    return f"{files} ({size_text(left.size)}) that git ignores won't be saved: {places}"


def check_still(world: World, agent: Agent) -> None:
    """Raise where something goes on writing in the worktree of an agent that was stopped."""
    found = own_worktree(world, agent)
    if found is not None and _fingerprint(world, found) != _fingerprint(world, found):
        raise leaving.still_written(found.path, found.path, [])


def _fingerprint(world: World, worktree: Worktree) -> str:
    with RawTrees.of(world.repo) as raw:
        return capture(world.repo, raw, worktree, ignored=world.settings.config.trash.ignored).fingerprint


def _check_inner(world: World, agent: Agent, found: Worktree) -> None:
    """Raise where the worktree of another agent lies in this one's."""
    inner = {os.path.realpath(tree.git_dir) for tree in leaving.inner_worktrees(world.repo, found)}
    for other in world.store.agents() if inner else ():
        lease = other.worktree
        if other.name != agent.name and lease and os.path.realpath(lease.git_dir) in inner:
            raise RefusedError(
                f"The worktree of {other.name} is inside that of {agent.name}, {found.path}.",
                hint=f"Remove it first: agentdeck rm {other.name}",
            )
