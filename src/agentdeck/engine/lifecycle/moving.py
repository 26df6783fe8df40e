"""A repository that was moved to another folder: its records follow it, and git learns where its worktrees are.

Nobody tells of a move. It is seen by the agents' leases, which name git's folder as it was when they were made.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.leases import Lease
from agentdeck.core.frozen import replace
from agentdeck.engine.worktrees import identity
from agentdeck.engine.world import Note, World, deck_name
from agentdeck.errors import DeckError
from agentdeck.system.git.identity import follow_move


def old_home(world: World, agent: Agent) -> Path | None:
    """Git's folder as it was when the agent's worktree was made, where the repository has been moved since; else None.

    A copy of a repository, whose original is still there, was not moved: the worktrees are the original's.
    """
    lease = agent.worktree
    git_dir = lease.git_dir if lease else None
    if not git_dir:
        return None
    record = Path(git_dir)
    if os.path.normpath(git_dir) != git_dir or record.parent.name != "worktrees":
        return None  # not as AgentDeck wrote it
    if not (world.repo.common / "worktrees" / record.name).is_dir():
        return None
    old = record.parent.parent
    return None if old == world.repo.common or old.exists() else old


def follow(world: World, agents: list[Agent], note: Note) -> None:
    """Bring the records of `agents` whose repository was moved to where it is now."""
    moved = [(agent, old) for agent in agents if (old := old_home(world, agent)) is not None]
    if not moved:
        return
    _keep_name(world, moved[0][1])
    for agent, old in moved:
        with contextlib.suppress(DeckError), world.store.operation(agent.name, wait=2):
            current = world.store.agent(agent.name)
            if current is None:
                continue
            current = moved_here(world, current, old)
            world.store.save(current)
            text = f"the repository was moved here from {old.parent}"
            world.note(Event(EventKind.AGENT_REPAIRED, agent.name, text), note)
            lease = current.worktree
            if lease is not None:
                # “git worktree repair” would write into whatever lies in the place of any worktree.
                record = Path(lease.git_dir)
                follow_move(Path(lease.path), old / "worktrees" / record.name, record)
    for agent, _ in moved:
        _rewrite_env_file(world, agent.name)


def moved_here(world: World, agent: Agent, old: Path) -> Agent:
    """`agent` with every path in its leases that led into the old folder leading into the one that it is now."""
    root = Path(os.path.normpath(old / os.path.relpath(world.root, world.repo.common)))
    return _rewritten(agent, ((str(old), str(world.repo.common)), (str(root), str(world.root))))


def follow_worktree(world: World, agent: Agent, note: Note) -> None:
    """Bring the records of an agent, whose worktree was moved with git, to where that is now. The caller holds its
    operation lock."""
    lease, place = agent.worktree, identity.moved_to(world.repo.common, agent)
    if lease is None or place is None:
        return
    world.store.save(_rewritten(agent, ((lease.path, str(place)),)))
    world.note(Event(EventKind.AGENT_REPAIRED, agent.name, f"its worktree was moved to {place}"), note)
    _rewrite_env_file(world, agent.name)


def _rewritten(agent: Agent, places: tuple[tuple[str, str], ...]) -> Agent:
    """`agent` with every path in its leases that leads into one of `places` leading to where that is now."""

    def here(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: here(each) for key, each in value.items()}
        if isinstance(value, list):
            return [here(each) for each in value]
        if isinstance(value, str):
            for before, now in places:
                if value == before or value.startswith(before + os.sep):
                    return now + value[len(before) :]
        return value

    leases = tuple(Lease(lease.kind, lease.held, here(lease.data)) for lease in agent.leases)
    return replace(agent, leases=leases)


def _keep_name(world: World, old: Path) -> None:
    """Ports and windows are known by the deck's name, which came from the folder's: it stays as it was."""
    root = Path(os.path.normpath(old / os.path.relpath(world.root, world.repo.common)))
    world.store.name_deck(deck_name(root, world.store.deck_id))
    world.__dict__.pop("deck", None)  # it was asked for before, and kept


def _rewrite_env_file(world: World, name: str) -> None:
    from agentdeck.engine.lifecycle.stack import BY_KIND

    with contextlib.suppress(DeckError, OSError):
        agent = world.store.agent(name)
        lease = agent.env_file if agent else None
        if agent is not None and lease is not None and lease.held:
            BY_KIND[lease.kind].acquire(world, agent, lease)
