"""Agents that nobody needs any more, and what a landing started and could not remove."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from agentdeck.core.agents.agent import Agent, Mode, Phase, State
from agentdeck.engine.history.stale import Clearable, Pruning
from agentdeck.engine.landing.gate import end_gate
from agentdeck.engine.lifecycle import removal
from agentdeck.engine.records.landings import Landings
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.heads import Work, left_behind
from agentdeck.engine.world import World
from agentdeck.errors import BusyError
from agentdeck.system.git import changes, merges
from agentdeck.system.git.checkouts import Worktree, list_worktrees
from agentdeck.system.git.heads import head_of
from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.usage import disk_bytes


def stale_agents(world: World, aside: Repository, agents: list[Agent], trees: list[Worktree]) -> Iterator[Clearable]:
    by_path = {os.path.realpath(tree.path): tree for tree in trees}
    for agent in agents:
        if agent.landing or world.store.in_operation(agent.name):
            continue
        if why := _why(world, aside, agent, by_path):
            lease = agent.worktree
            path = Path(lease.path) if lease else Path()
            yield _agent(world, agent, why, disk_bytes(path) if path.is_dir() else 0)


def _why(world: World, aside: Repository, agent: Agent, by_path: Mapping[str, Worktree]) -> str:
    """Why nobody needs the agent any more; empty where someone may."""
    lease = agent.worktree
    if lease is None or agent.phase is not Phase.HELD or world.lives(agent.name):
        return ""
    path = Path(lease.path)
    if agent.host:
        return _landed_elsewhere(world, agent)
    if not path.is_dir():
        return "its worktree was deleted by hand"
    if identity.trouble(world.repo.common, agent):
        return ""
    tree = by_path.get(os.path.realpath(path))
    why = _landed(world, aside, agent, tree)
    if why and tree is not None and left_behind(world, agent, Work(head_of(tree), tree.head, tree)):
        return ""
    return why if why and not changes.uncommitted(identity.enter(world, agent)) else ""


def _landed_elsewhere(world: World, agent: Agent) -> str:
    """Of an agent on another host only what landed here is known to be of no more use."""
    lease, status = agent.worktree, world.store.status(agent.name)
    if lease is None or agent.landed is None or status.state is not State.LANDED:
        return ""
    base, tip = world.repo.commit(f"refs/heads/{lease.base}"), world.repo.commit(f"refs/heads/{lease.branch}")
    is_in = base is not None and merges.is_ancestor(world.repo, agent.landed[1], base)
    return "it landed" if is_in and tip == agent.landed[0] else ""


def _landed(world: World, aside: Repository, agent: Agent, tree: Worktree | None) -> str:
    lease = agent.worktree
    if lease is None or tree is None or tree.head is None or head_of(tree).under_way:
        return ""
    if agent.landed is not None and tree.head == agent.landed[0]:
        landed = world.repo.commit(f"refs/heads/{lease.base}")
        if landed and merges.is_ancestor(world.repo, agent.landed[1], landed):
            return "it landed"
    if world.store.status(agent.name).state is not State.LANDED and tree.head == lease.base_commit:
        return ""
    base = world.repo.commit(f"refs/heads/{lease.base}")
    how = merges.is_landed(aside, base, tree.head) if base else ""
    return f"its branch is {how} into {lease.base}" if how else ""


def _agent(world: World, agent: Agent, why: str, room: int) -> Clearable:
    def clear(pruning: Pruning) -> None:
        with world.store.operation(agent.name, wait=2):
            current = world.store.agent(agent.name)
            if current is None:
                return
            by_path = {os.path.realpath(tree.path): tree for tree in list_worktrees(world.repo)}
            with world.repo.objects_aside() as aside:
                is_stale = bool(_why(world, aside, current, by_path))
            if not is_stale:
                raise BusyError(f"{agent.name} is at work again.")
            removal.remove(world, current, pruning.note, step=pruning.key)

    return Clearable("agent", agent.name, why, room, True, clear)


def stale_helpers(world: World, agents: list[Agent]) -> Iterator[Clearable]:
    """Gates, and windows in which a conflict was resolved, that outlived their landing because something kept them."""
    landings = Landings(world.store)
    for agent in agents:
        if not agent.landing or world.store.in_operation(agent.name):
            continue
        if not (landings.is_running(agent.landing) or agent.landing in landings.dead() or world.lives(agent.name)):
            lease = agent.worktree
            room = disk_bytes(Path(lease.path)) if lease else 0
            why = "its landing ended but could not remove it"
            yield Clearable("agent", agent.name, why, room, False, partial(_clear_helper, world, agent))


def _clear_helper(world: World, agent: Agent, pruning: Pruning) -> None:
    end_gate(world, agent.name, keep_work=agent.mode is Mode.INTERACTIVE)
