"""What an agent changed, for reading and reviewing: files, their lines, and which of these are not committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agentdeck.core.agents.agent import Agent
from agentdeck.core.frozen import replace
from agentdeck.core.merging.patch import FilePatch
from agentdeck.engine.lifecycle.resources import worktree_of
from agentdeck.engine.views.review import Commit, Diff, Scope
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.heads import fetched, work_of
from agentdeck.engine.world import World, in_one_look
from agentdeck.errors import NotFoundError
from agentdeck.system.git import patches

FILE_MOST = 5_000
"""Changed lines of a file that are read before somebody asks for it."""
ALL_MOST = 50_000
"""Changed lines of all files together that are read so."""


def base_of(world: World, agent: Agent) -> tuple[Path, str]:
    """The agent's worktree, and the commit that its work is compared with. Raise NotFoundError where it is gone,
    ForeignError where something else lies there."""
    lease = agent.worktree
    path = worktree_of(agent)
    if lease is None or not path.is_dir():
        raise NotFoundError(f"The worktree of {agent.name} is gone: {path}", hint="“agentdeck doctor” says more.")
    here = identity.enter(world, agent)
    base = lease.base_commit
    tip = world.repo.commit(f"refs/heads/{lease.base}")
    if tip is not None and not here.run("merge-base", "--is-ancestor", "HEAD", tip):
        # What the agent merged from its base meanwhile is not its own work.
        base = tip
    return path, base


@in_one_look
def read(world: World, agent: Agent, scope: Scope = Scope.ALL, whole: frozenset[str] = frozenset()) -> Diff:
    """The agent's changes; files with very many lines come without them unless their paths are in `whole`."""
    against = agent_base(agent)
    with ends_of(world, agent, scope) as (source, begin, end):
        files = _files(source, begin, end, whole)
        if scope is Scope.UNCOMMITTED:
            against = "its last commit"
        return Diff(files, against, source.untracked)


@in_one_look
def read_sections(world: World, agent: Agent, whole: frozenset[str] = frozenset()) -> Diff:
    """The agent's committed changes, and then those that are not; a file can be in both."""
    with _ends(world, agent) as (source, end_of):
        done, loose = (_files(source, *end_of(scope), whole) for scope in (Scope.COMMITTED, Scope.UNCOMMITTED))
        return Diff((*done, *loose), agent_base(agent), source.untracked, len(done))


@contextmanager
def ends_of(world: World, agent: Agent, scope: Scope) -> Iterator[tuple[patches.Source, str, str | None]]:
    """Where the agent's changes are read, and between which commits (None: the worktree)."""
    with _ends(world, agent) as (source, ends):
        yield source, *ends(scope)


@contextmanager
def _ends(world: World, agent: Agent) -> Iterator[tuple[patches.Source, Callable[[Scope], tuple[str, str | None]]]]:
    """Where the agent's changes are read, and what tells for each scope between which commits."""
    if agent.host:
        begin, tip, live = fetched(world, agent)
        by_scope = {Scope.UNCOMMITTED: (tip, live), Scope.COMMITTED: (begin, tip)}
        yield patches.Source(world.repo, world.repo.run), lambda scope: by_scope.get(scope, (begin, live))
        return
    path, base = base_of(world, agent)
    with patches.reading(world.repo, path) as source:

        def ends(scope: Scope) -> tuple[str, str | None]:
            begin = "HEAD" if scope is Scope.UNCOMMITTED else source.fork(base)
            return begin, "HEAD" if scope is Scope.COMMITTED else None

        yield source, ends


def read_commit(world: World, commit: str, whole: frozenset[str] = frozenset()) -> Diff:
    """What one commit changed against its first parent, or against nothing."""
    source = patches.Source(world.repo, world.repo.run)
    parent = world.repo.commit(f"{commit}^1") or patches.EMPTY_TREE
    return Diff(_files(source, parent, commit, whole), f"the commit before {commit[:9]}")


def commits_of(world: World, agent: Agent) -> list[Commit]:
    """The agent's commits that its base has not, newest first; also of one whose worktree is gone.

    Raise NotFoundError where nothing tells any more where they are.
    """
    from agentdeck.system.git.history import commits

    lease = agent.worktree
    if lease is not None and not worktree_of(agent).is_dir():
        tip = work_of(world, agent).tip
        if tip is not None:
            base = world.repo.commit(f"refs/heads/{lease.base}") or lease.base_commit
            return commits(world.repo, base, tip)
    _, base = base_of(world, agent)
    return commits(identity.enter(world, agent), base, "HEAD")


def agent_base(agent: Agent) -> str:
    lease = agent.worktree
    return str(lease.base or lease.base_commit[:9]) if lease else agent.base


def _files(source: patches.Source, begin: str, end: str | None, whole: frozenset[str]) -> tuple[FilePatch, ...]:
    listed = source.counts(begin, end)
    left, large = ALL_MOST, list[FilePatch]()
    for file in listed:
        changed = file.added + file.deleted
        if file.path in whole:
            continue
        if changed > FILE_MOST or left < changed:
            large.append(replace(file, left_out=True, note=f"{changed:,} lines; enter shows them"))
        else:
            left -= changed
    skipped = {file.path for file in large} | {file.old_path for file in large}
    read_ = source.patch(begin, end, skipped) if len(large) < len(listed) else []
    shown = [file for file in read_ if file.path not in skipped]
    return tuple(sorted([*shown, *large], key=lambda file: file.path))
