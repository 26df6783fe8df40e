"""What an agent in a box has written for itself, before anybody looks at its work."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agentdeck.core.agents.agent import Agent
from agentdeck.engine.world import World

if TYPE_CHECKING:
    from agentdeck.system.box.own_git import OwnGit

GIT = "git"
"""The folder below the agent's in the store."""


def own_git(world: World, agent: Agent) -> OwnGit | None:
    """None where it has no box."""
    tree = agent.worktree
    if not agent.box or tree is None:
        return None
    from agentdeck.system.box.own_git import OwnGit

    branches = tree.branch.rpartition("/")[0] if tree.branch else None
    return OwnGit(world.repo.common, world.store.agent_folder(agent.name) / GIT, branches)


def take_in(world: World, agent: Agent) -> str:
    """Bring it into the repository; return what could not come, in a sentence."""
    own = own_git(world, agent)
    return own.take_in(world.repo) if own is not None and own.folder.exists() and own.has_news() else ""


@contextlib.contextmanager
def still(world: World, agent: Agent | None) -> Iterator[None]:
    """What runs in the agent's box does nothing in the block, in which our git, outside of the box, works on its files:
    a link that is put in its way just then would lead it out. Raise RefusedError where that can't be."""
    pid = world.store.status(agent.name).agent_pid if agent is not None and agent.box else None
    runner = world.store.runner_pid(agent.name) if agent is not None and pid else None
    if agent is None or not pid or not runner:
        yield
        return
    from agentdeck.system.machine.stillness import held_still
    from agentdeck.system.machine.tree import descends

    with held_still(pid, agent.name) if descends(pid, runner) else contextlib.nullcontext():
        yield
