"""What git says of an agent at a glance, and the files that tell when it would say something else."""

from __future__ import annotations

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
from agentdeck.system.git.repository import Repository


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
    origin = lease.base_commit
    base = view.base or origin
    try:
        ahead, behind = ahead_behind(inside(world.repo, path), "HEAD", base)
        # Against where it came from only when its work has landed: what it merged from its base is not its own.
        changed = changes_at_a_glance(world.repo, path, base if ahead else origin)
    except (DeckError, OSError, ValueError) as error:
        said = error.title if isinstance(error, DeckError) else f"git can't be read: {error}"
        return GitFacts(problem=_missing(world.repo, path, base) or plain(said))
    return GitFacts(ahead, behind, changed.added, changed.deleted, files=changed.files, loose=changed.loose)


def _fetched(world: World, view: AgentView) -> GitFacts:
    """Of an agent on another host, as it was fetched last."""
    try:
        begin, tip, live = fetched(world, view.agent)
        ahead, behind = ahead_behind(world.repo, tip, view.base)
        changed = changes_between(world.repo, begin, live)
    except (DeckError, OSError, ValueError) as error:
        return GitFacts(problem=error.title if isinstance(error, DeckError) else f"git can't be read: {error}")
    loose = 0 if tip == live else changes_between(world.repo, tip, live).files
    return GitFacts(ahead, behind, changed.added, changed.deleted, files=changed.files, loose=loose)


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
    return (*moving_files(lease.git_dir or common, common, *branches), *log)
