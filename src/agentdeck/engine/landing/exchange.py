"""Bring a base branch up to date from its remote, push it, and open pull requests."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.pulls.pull import Pull
from agentdeck.engine.landing.candidates import Candidate, check_links, find_candidate, title_of
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.records.parts import BaseMove, part_to_json
from agentdeck.engine.records.pulls import pull_of, save_pull
from agentdeck.engine.records.steps import Steps
from agentdeck.engine.world import Note, World
from agentdeck.errors import BusyError, RefusedError
from agentdeck.system.files.files import read_note, write_json
from agentdeck.system.git import advance, bases, forges, merges, remotes
from agentdeck.system.git.bases import Move
from agentdeck.system.git.checkouts import list_worktrees
from agentdeck.system.git.mergetree import merge_base
from agentdeck.system.git.repository import Repository, git_in
from agentdeck.system.git.staging import left_out
from agentdeck.system.machine.interrupts import uninterrupted
from agentdeck.system.machine.process import cancellable, never

_PAUSE = 0.2
"""Seconds between two words of how far git is."""


def pull(world: World, branch: str, note: Note, cancelled: Callable[[], bool] = never) -> str:
    """Fast-forward `branch` to its remote's; return a sentence that says what came. Raise RefusedError, with nothing
    changed, where it has commits that the remote's has not."""
    repo = world.repo
    upstream = remotes.upstream_of(repo, branch)
    with cancellable(cancelled):
        new = remotes.fetch(repo, upstream, _telling(branch, upstream.remote, note))
    with bases.holding(repo, branch, wait=600):
        old = repo.commit(f"refs/heads/{branch}")
        if old is None:
            raise RefusedError(f"There is no branch {branch} here.")
        if merges.is_ancestor(repo, new, old):
            return f"{branch} is up to date with {upstream.remote}."
        if not merges.is_ancestor(repo, old, new):
            raise RefusedError(
                f"{branch} and {upstream.remote}/{upstream.branch} have diverged, so it can't be fast-forwarded.",
                hint=f"Merge or rebase it yourself: {_pull_by_hand(repo, branch, upstream)}",
            )
        begun = bases.file_of(repo, branch, bases.STEP)
        move = BaseMove(branch, old, new)
        world.store.open()
        key = f"pull {os.urandom(6).hex()}"
        write_json(begun, {"key": key, "text": f"pulled {branch}", "part": part_to_json(move)})
        try:
            advance.advance(repo, Move(branch, old, new), f"agentdeck: pulled from {upstream.remote}")
        finally:
            # An interrupt may come when the branch has moved already.
            with uninterrupted():
                _write_down(world, begun)
    count = int(repo.git("rev-list", "--count", f"{old}..{new}"))
    text = f"{count} commit{'s' if count > 1 else ''} from {upstream.remote} pulled into {branch}."
    note(Event(EventKind.BASE_MOVED, branch, text, {"branch": branch, "old": old, "new": new}))
    return text


def _telling(branch: str, remote: str, note: Note) -> remotes.Progress:
    """Tell how far git is a few times a second; nothing of it is written down."""
    told = 0.0

    def tell(words: str) -> None:
        nonlocal told
        if time.monotonic() - told > _PAUSE:
            told = time.monotonic()
            note(Event(EventKind.REMOTE_PROGRESS, branch, f"{remote}: {words}", {"remote": remote}))

    return tell


def _pull_by_hand(repo: Repository, branch: str, upstream: remotes.Upstream) -> str:
    trees = [tree for tree in list_worktrees(repo) if tree.branch == branch and tree.path.is_dir() and not tree.bare]
    git = git_in(trees[0].path if trees else repo.folder)
    begin = "" if trees else f"{git} switch {shlex.quote(branch)} && "
    return f"{begin}{git} pull --rebase {shlex.quote(upstream.remote)} {shlex.quote(upstream.branch)}"


def _write_down(world: World, begun: Path) -> None:
    """Make the pull whose note this is a step, where its branch has moved; the same again changes nothing."""
    key, text, move = _begun(begun)
    tip = world.repo.commit(f"refs/heads/{move.branch}")
    if tip is not None and merges.is_ancestor(world.repo, move.new, tip):
        Steps(world.store).record(key, text, move)
    begun.unlink()


def _begun(note: Path) -> tuple[str, str, BaseMove]:
    def parse(facts: Any) -> tuple[str, str, BaseMove]:
        return str(facts["key"]), str(facts["text"]), BaseMove.from_json(facts["part"])

    return read_note(note, "A pull", parse)


def finish_pulls(world: World) -> None:
    """Make a step of each pull whose process died after its branch had moved, for the undo of it."""
    for begun in bases.left(world.repo.common, bases.STEP):
        with contextlib.suppress(BusyError, FileNotFoundError):
            _, _, move = _begun(begun)
            with bases.holding(world.repo, move.branch):
                _write_down(world, begun)


def push(world: World, branch: str, note: Note, cancelled: Callable[[], bool] = never) -> str:
    """Push a base branch, and return a sentence that says where to."""
    upstream = remotes.upstream_of(world.repo, branch)
    with cancellable(cancelled):
        remotes.push(world.repo, branch, upstream, _telling(branch, upstream.remote, note))
    return f"{branch} was pushed to {upstream.remote}/{upstream.branch}."


def pull_request(world: World, request: LandRequest, *, draft: bool, program: str, note: Note) -> str:
    """Push the agent's branch and open a pull request for it; return its address. Nothing is pushed where it can be
    told before that no pull request will come of it."""
    (name,) = request.names
    candidate = find_candidate(world, name, request, protected=True, needs_branch=True)
    commits = merges.new_commits(world.repo, f"refs/heads/{candidate.base}", candidate.tip)
    if not commits:
        raise RefusedError(f"{name} has no commit that {candidate.base} lacks.")
    fork = merge_base(world.repo, f"refs/heads/{candidate.base}", candidate.tip) or candidate.start
    check_links(world, candidate, fork, candidate.tip)
    if candidate.repositories:
        data = {"repositories": list(candidate.repositories)}
        note(Event(EventKind.WARNING, name, left_out(candidate.repositories), data))
    remote = remotes.default_remote(world.repo)
    program = forges.choose(world.repo, remote, name, program)
    forges.check_base(world.repo, remote, candidate.base)
    _push_work(world, candidate, remote, note)
    subjects = [subject for _, subject in commits]
    title, _, rest = request.message.partition("\n")
    agent = candidate.agent
    about = f"Closes {agent.closes}" if agent.closes else agent.task
    body = rest.strip() or "\n".join([about, "", *(f"- {subject}" for subject in subjects)])
    wanted = forges.PullRequest(
        candidate.branch, candidate.base, title or title_of(candidate.agent, subjects), body, draft
    )
    address = forges.open_pull_request(world.repo, program, wanted)
    known = pull_of(world.store, name)
    if known is None or known.url != address:
        save_pull(world.store, name, Pull(address, program, candidate.base))
    text = f"pull request for {candidate.base}: {address}"
    world.note(Event(EventKind.BRANCH_PROPOSED, name, text, {"url": address}), note)
    return address


def push_again(world: World, agent: Agent, note: Note) -> bool:
    """Push what an agent at rest has committed since its pull request was opened; say whether there was anything."""
    request = LandRequest((agent.name,))
    remote = remotes.default_remote(world.repo)
    try:
        candidate = find_candidate(world, agent.name, request, protected=True, needs_branch=True)
    except RefusedError:  # it works, or has not committed all
        return False
    pushed = world.repo.commit(f"refs/remotes/{remote}/{candidate.branch}")
    if pushed is None or pushed == candidate.tip or not merges.is_ancestor(world.repo, pushed, candidate.tip):
        return False
    check_links(world, candidate, pushed, candidate.tip)
    _push_work(world, candidate, remote, note)
    text = f"pushed what it committed since, {candidate.tip[:10]}, for its pull request"
    world.note(Event(EventKind.PROPOSAL_PUSHED, agent.name, text, {"commit": candidate.tip}), note)
    return True


def _push_work(world: World, candidate: Candidate, remote: str, note: Note) -> None:
    branch = candidate.branch
    try:
        upstream = remotes.Upstream(remote, branch)
        remotes.push(world.repo, branch, upstream, _telling(branch, remote, note), track=True)
    except remotes.BehindError as error:
        if candidate.worktree is not None:
            error.hint = f"{git_in(candidate.worktree.path)} pull --rebase {shlex.join([remote, candidate.branch])}"
        raise
