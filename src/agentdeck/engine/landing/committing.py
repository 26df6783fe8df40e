"""Commit the work that an agent left uncommitted, before it lands.

Apart from candidates.py, for most landings have nothing of that, and what this loads is much.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.engine.landing.candidates import SHOWN, Candidate, title_of
from agentdeck.engine.records.parts import WorkCommit
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.boxed import still, take_in
from agentdeck.engine.worktrees.heads import work_of
from agentdeck.engine.world import Note, World
from agentdeck.errors import RefusedError
from agentdeck.system.git import hooks, snapshots
from agentdeck.system.git.checkouts import enter
from agentdeck.system.git.merges import NOBODY, encoded
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.staging import add_all, take_out_repositories
from agentdeck.system.git.wholework import look_once
from agentdeck.system.machine.process import Result, run
from agentdeck.system.state.store import new_stamp

_PATIENCE = 10.0
"""Seconds to wait for a git that is at work in an agent's worktree."""


def with_its_work(world: World, candidate: Candidate, message: str) -> Candidate:
    """The candidate as it will be when its work is committed: the commit is made among the objects of `world`, and
    nothing else changes."""
    if candidate.worktree is None:
        return candidate
    whole = look_once(world.repo, candidate.worktree, candidate.tip)
    if whole.note:
        raise _unreadable(candidate.agent, [whole.note])
    if whole.commit == candidate.tip:
        return candidate
    words = [word for parent in whole.parents for word in ("-p", parent)]
    text = message or title_of(candidate.agent)
    commit = world.repo.git("commit-tree", whole.tree, *words, "-F", "-", stdin=encoded(text), env=NOBODY)
    return replace(candidate, tip=commit)


def _unreadable(agent: Agent, why: Sequence[str]) -> RefusedError:
    detail = "\n".join(why[:SHOWN])
    return RefusedError(f"Some work of {agent.name} can't be committed.", detail=detail)


def commit_work(world: World, candidate: Candidate, message: str, note: Note, journal: Callable[..., object]) -> None:
    """Commit all that the worktree holds but for repositories, through the repository's hooks, after a snapshot. Where
    that fails, the index is as it was.

    `journal` is given the part of a step that this is: before anything is touched, without its new commit, for
    `settle_commit` after a crash; again when it is whole, and nothing where nothing was committed.
    """
    agent = candidate.agent
    if candidate.worktree is None:
        return
    path = candidate.worktree.path
    here = enter(world.repo, candidate.worktree)
    stamp = new_stamp()
    ref = f"refs/agentdeck/trash/{agent.name}/commit-{stamp}"
    with still(world, agent):
        saved = snapshots.take(world.repo, path, ref, message=f"agentdeck: {agent.name} before its work was committed")
    part = WorkCommit(agent.name, candidate.branch, candidate.tip, "", saved.ref, "")
    journal(part)
    try:
        git = _git_in_box(world, agent, here) if agent.box else here.run
        added = add_all(git)
        if added.unread:
            raise _unreadable(agent, added.unread)
        take_out_repositories(git)
        if not git("diff", "--cached", "--quiet"):
            _commit(here, git, agent, message, [] if agent.box else hooks.options(here, world.root))
        take_in(world, agent)
    finally:
        settled = settle_commit(world, part)
        journal(*([settled] if settled else []))
    if settled is not None:
        new = settled.new
        text = f"committed its work as {new[:10]}"
        world.note(Event(EventKind.WORK_COMMITTED, agent.name, text, {"commit": new}), note)


def _git_in_box(world: World, agent: Agent, here: Repository) -> Callable[..., Result]:
    """git as the agent itself would run it, for what it commits: hooks may be, or run, what the agent wrote, and its
    git folder is its own."""
    from agentdeck.engine.lifecycle.in_box import in_its_box

    words, environment = in_its_box(world, agent, ["git"])

    def git(*args: str, stdin: bytes | None = None, env: Mapping[str, str | None] | None = None) -> Result:
        return run([*words, *args], cwd=here.folder, env={**environment, "LC_ALL": "C", **(env or {})}, stdin=stdin)

    return git


def _commit(here: Repository, git: Callable[..., Result], agent: Agent, message: str, options: Sequence[str]) -> None:
    env = hooks.APART if hooks.are_there(here) else None
    done = git(*options, "commit", "--quiet", "--file=-", stdin=encoded(message or title_of(agent)), env=env)
    if not done:
        raise RefusedError(
            f"The work of {agent.name} could not be committed.",
            detail=done.complaint,
            hint="Check the repository's hooks and signing key; nothing was changed.",
        )


def settle_commit(world: World, part: WorkCommit) -> WorkCommit | None:
    """What became of a commit of an agent's work: the whole part of a step that it is, or None where it was not made,
    and then what was staged is put back. Waits for a git that outlives us."""
    if part.new:
        return part
    agent = world.store.agent(part.agent)
    worktree = identity.record_of(world, agent) if agent else None
    deadline = time.monotonic() + _PATIENCE
    while worktree is not None and (worktree.git_dir / "index.lock").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    tip = committed(world, part)
    if tip is not None and tip != part.old:
        return replace(part, new=tip) if world.repo.commit(f"{tip}^") == part.old else None
    index = world.repo.run("cat-file", "blob", f"{part.index_old}:index")
    if worktree is not None and index and not (worktree.git_dir / "index.lock").exists():
        snapshots.put_index(worktree, index.out)
    return None


def committed(world: World, part: WorkCommit) -> str | None:
    """The commit that is now where the one of `part` was made: on its branch, or at HEAD of the agent's worktree."""
    if part.branch:
        return world.repo.commit(f"refs/heads/{part.branch}")
    agent = world.store.agent(part.agent)
    worktree = work_of(world, agent).worktree if agent else None
    return worktree.head if worktree is not None and worktree.branch is None else None
