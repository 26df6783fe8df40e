"""What git says of an agent at a glance, and the files that tell when it would say something else."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

from agentdeck.core.agents.agent import Agent
from agentdeck.core.text.text import plain
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.review import GitFacts
from agentdeck.engine.worktrees.heads import fetched
from agentdeck.engine.world import World
from agentdeck.errors import DeckError
from agentdeck.system.git.branches import ahead_behind
from agentdeck.system.git.changes import changes_at_a_glance, changes_between
from agentdeck.system.git.checkouts import moving_files
from agentdeck.system.git.identity import inside
from agentdeck.system.git.merges import is_ancestor
from agentdeck.system.git.repository import Repository
from agentdeck.system.state.store import MIRROR


def facts(world: World, view: AgentView) -> GitFacts:
    """Raise nothing: what keeps git from telling is in the facts."""
    lease = view.agent.worktree
    if lease is None or not lease.held:
        return GitFacts()
    path = Path(lease.path)
    if view.host:
        return _fetched(world, view)
    if not path.is_dir():
        return GitFacts(problem=f"its worktree is gone: {path}")
    base = view.base or lease.base_commit
    try:
        here = inside(world.repo, path)
        ahead, behind = ahead_behind(here, "HEAD", base)
        ahead, since = _since_landing(here, "HEAD", base, view.agent.landed, ahead)
        changed = changes_at_a_glance(world.repo, path, since)
        is_in_base = not ahead and changed.head != lease.base_commit
    except (DeckError, OSError, ValueError) as error:
        said = error.title if isinstance(error, DeckError) else f"git can't be read: {error}"
        return GitFacts(problem=_missing(world.repo, path, base) or plain(said))
    return GitFacts(ahead, behind, changed.added, changed.deleted, "", changed.files, changed.loose, is_in_base)


def _since_landing(
    repo: Repository, head: str, base: str, landed: tuple[str, str] | None, ahead: int
) -> tuple[int, str]:
    """How many of the `ahead` commits up to `head` have not landed, and what the changes that have not begin at."""
    if not ahead:
        return 0, head
    tip, result = landed or ("", "")
    # A squash or a rebase leaves the branch's own commits out of the base.
    if not tip or repo.commit(tip) is None or not is_ancestor(repo, result, base):
        return ahead, base
    left = int(repo.git("rev-list", "--count", head, f"^{base}", f"^{tip}", "--"))
    if not left:
        return 0, head
    return left, base if left == ahead or is_ancestor(repo, result, head) else tip


def _fetched(world: World, view: AgentView) -> GitFacts:
    """Of an agent on another host, as it was fetched last."""
    from agentdeck.engine.fleet.looking import is_behind

    try:
        begin, tip, live = fetched(world, view.agent)
        ahead, behind = ahead_behind(world.repo, tip, view.base)
        ahead, since = _since_landing(world.repo, tip, view.base, view.agent.landed, ahead)
        changed = changes_between(world.repo, begin if since == view.base else since, live)
    except (DeckError, OSError, ValueError) as error:
        return GitFacts(problem=error.title if isinstance(error, DeckError) else f"git can't be read: {error}")
    loose = 0 if tip == live else changes_between(world.repo, tip, live).files
    is_in_base = not ahead and view.agent.worktree is not None and tip != view.agent.worktree.base_commit
    behind_host = is_behind(world, view.agent, math.inf)
    return GitFacts(ahead, behind, changed.added, changed.deleted, "", changed.files, loose, is_in_base, behind_host)


def _missing(repo: Repository, worktree: Path, base: str) -> str:
    """What there has to be and is not, that git does not say in words for a person; else empty."""
    with suppress(DeckError, OSError):
        here = inside(repo, worktree)
        if here.commit("HEAD") is None:
            return "it has no commit"
        if here.commit(base) is None:
            return f"its base “{plain(base)}” is gone"
    return ""


def telling_files(common: Path, agent: Agent) -> tuple[str, ...]:
    """The files of which one moves when the agent commits, stages or prints, or when its base moves; `common` is the
    folder that git has for all worktrees. () for an agent without a worktree."""
    lease, pane = agent.worktree, agent.pane
    if lease is None or not lease.held:
        return ()
    branches = (lease.base, lease.branch)
    log = [pane.log] if pane and pane.log else []
    if agent.host:
        log.append(str(common / "agentdeck/agents" / agent.name / MIRROR))
    return (*moving_files(lease.git_dir or common, common, *branches), *log)
