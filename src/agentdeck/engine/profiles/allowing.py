"""What an agent's CLI is told of what it may do: the words on its command line and its variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agentdeck.engine.worktrees import identity

if TYPE_CHECKING:
    from agentdeck.core.agents.agent import Agent
    from agentdeck.core.config.profile import Profile
    from agentdeck.engine.world import World


@dataclass(frozen=True, slots=True)
class Allowance:
    argv: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)


def allowance(world: World, agent: Agent, profile: Profile, variables: Mapping[str, str]) -> Allowance:
    """`variables` is what the CLI finds its own files by."""
    return Allowance(_to_commit(world, agent, profile, variables))


def commit_note(world: World, agent: Agent) -> str:
    """A sentence about an agent whose sandbox keeps it from committing; empty where it can."""
    profile, git_dir = world.profiles.get(agent.profile), identity.git_dir(world.repo.common, agent)
    if profile is None or profile.sandbox.kind == "none" or git_dir is None:
        return ""
    from agentdeck.system.git.committing import commit_roots

    if commit_roots(world.repo.common, git_dir):
        return ""
    return (
        f"{profile.title} can't commit in its sandbox here: the branch is in no folder such as agentdeck/, so every "
        "branch would be open to it"
    )


def _to_commit(world: World, agent: Agent, profile: Profile, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Open the git folders that a commit writes to the CLI's sandbox, beside those that the user has opened."""
    git_dir = identity.git_dir(world.repo.common, agent)
    if profile.sandbox.kind == "none" or git_dir is None:
        return ()
    from agentdeck.system.config.clifiles import codex_writable_roots
    from agentdeck.system.git.committing import commit_roots

    roots = [str(root) for root in commit_roots(world.repo.common, git_dir)]
    if not roots:
        return ()
    told = json.dumps([*codex_writable_roots(variables), *roots], ensure_ascii=False)
    return tuple(word.replace("{roots}", told) for word in profile.sandbox.argv)
