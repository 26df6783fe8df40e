"""What an agent has to land: its branch's tip, the base it goes to, and what stands in the way of both."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from agentdeck.core.agents.agent import COMMAND, Agent
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.text.text import listed
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.records.parts import WorkCommit
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.boxed import still, take_in
from agentdeck.engine.worktrees.heads import Work, branch_of, check_lands, work_of
from agentdeck.engine.world import Note, World
from agentdeck.errors import NotFoundError, RefusedError
from agentdeck.system.git import changes, hooks, snapshots
from agentdeck.system.git.checkouts import Worktree, enter
from agentdeck.system.git.merges import NOBODY, CommitWording, Method
from agentdeck.system.git.repository import Repository, git_in
from agentdeck.system.git.staging import add_all, new_repositories, take_out_repositories
from agentdeck.system.git.wholework import look_once
from agentdeck.system.machine.process import Result, run
from agentdeck.system.state.store import new_stamp

_UNMERGED = frozenset({"DD", "AU", "UD", "UA", "DU", "AA", "UU"})
_SHOWN = 12
"""Paths of uncommitted work that are told."""
_PATIENCE = 10.0
"""Seconds to wait for a git that is at work in an agent's worktree."""


@dataclass(frozen=True, slots=True)
class Candidate:
    agent: Agent
    work: Work
    tip: str
    start: str
    """The commit that the agent began from."""
    base: str
    """The branch to land on."""
    worktree: Worktree | None
    """None where the folder is gone."""
    uncommitted: tuple[str, ...] = ()
    """As `git status --short` writes it, a line a path."""
    repositories: tuple[str, ...] = ()
    """Repositories in the worktree that are not submodules: they don't land."""

    @property
    def branch(self) -> str:
        """The branch that the work is on; empty where HEAD is on a commit."""
        return self.work.head.branch


def find_candidate(
    world: World, name: str, request: LandRequest, *, protected: bool = False, needs_branch: bool = False
) -> Candidate:
    """What `name` would land. Raise RefusedError, or NotFoundError, where it can't land as it stands, as one that runs
    and that the request does not stop. `protected` allows a base that nothing lands on, `needs_branch` takes no work
    that is on a commit only."""
    agent = world.store.agent(name)
    lease = agent.worktree if agent else None
    if agent is None or lease is None:
        raise NotFoundError(f"There is no agent “{name}” in this deck.")
    _check_rests(world, name, request)
    identity.check(world.repo.common, agent)
    path, work = Path(lease.path), work_of(world, agent)
    _check_gated(world, agent, request)
    base = _base(world, agent, lease.base, work.head.branch, request.into, protected=protected)
    tip = check_lands(world, agent, work, needs_branch=needs_branch)
    worktree, uncommitted, repositories = None, tuple[str, ...](), tuple[str, ...]()
    if path.is_dir():
        worktree = _checkout(path, work)
        uncommitted, repositories = _uncommitted(world, worktree)
        if uncommitted and request.commit is None:
            git, title = git_in(path), shlex.quote(title_of(agent))
            by_hand = f"Commit it first: {git} add --all && {git} commit -m {title}"
            raise RefusedError(
                f"{name} has uncommitted work.",
                detail="\n".join((*uncommitted[:_SHOWN], *(["…"] if len(uncommitted) > _SHOWN else []))),
                # A pull request is to be instead of a landing.
                hint=by_hand if needs_branch else f"“agentdeck merge --commit {name}” commits it, and lands that too.",
            )
    return Candidate(agent, work, tip, lease.base_commit, base, worktree, uncommitted, repositories)


def has_work(world: World, name: str) -> bool:
    """Whether the agent has commits of its own, or work that is not committed."""
    agent = world.store.agent(name)
    lease = agent.worktree if agent else None
    if agent is None or lease is None:
        return False
    if work_of(world, agent).tip != lease.base_commit:
        return True
    if not Path(lease.path).is_dir() or identity.trouble(world.repo.common, agent):
        return False
    return bool(changes.to_commit(identity.enter(world, agent))[0])


def _check_rests(world: World, name: str, request: LandRequest) -> None:
    if runs(world, name) and not request.stop:
        state = world.store.status(name).state
        raise RefusedError(f"{name} is {state}.", hint=f"Wait for it, or “agentdeck merge --stop {name}”.")


def runs(world: World, name: str) -> bool:
    """Whether the agent is at work, so that what it holds may change at any moment."""
    status = world.store.status(name)
    return world.lives(name) and status.state.is_live and not status.is_at_prompt


def _check_gated(world: World, agent: Agent, request: LandRequest) -> None:
    """Refuse work of a backup that no gate would look at, where the configuration wants one."""
    rules = world.settings.config.landing
    if not rules.gate_after_failover or (rules.gate if request.gate is None else request.gate):
        return
    from agentdeck.engine.profiles.failovers import backups

    if models := backups(world, agent):
        raise RefusedError(
            f"{agent.name} was served by {', '.join(models)}, and no gate would test that work.",
            hint=f"--gate CMD, or [landing] gate; “agentdeck show --failovers {agent.name}” lists its commits",
        )


def _base(world: World, agent: Agent, started_from: str, branch: str, into: str, *, protected: bool) -> str:
    wanted = into or started_from
    if world.repo.commit(f"refs/heads/{wanted}") is None:
        if wanted == into:
            raise NotFoundError(f"There is no branch “{into}” to land on.", hint="“git branch” lists them.")
        raise RefusedError(
            f"{agent.name} started from {wanted[:40] or 'no branch'}, which is not a branch here.",
            hint="Name the branch to land on: --into BRANCH",
        )
    for pattern in world.settings.config.landing.protected:
        if not protected and fnmatchcase(wanted, pattern):
            raise RefusedError(
                f"The branch {wanted} is protected from landings.",
                hint=f"“agentdeck pr {agent.name}” opens a pull request.",
            )
    if wanted == branch:
        raise RefusedError(f"{wanted} is the branch of {agent.name} itself.", hint="Name another one: --into BRANCH")
    holder = _agent_on(world, wanted)
    if holder and world.lives(holder):
        raise RefusedError(
            f"The branch {wanted} is the one {holder} works on.", hint=f"Stop it first: agentdeck stop {holder}"
        )
    return wanted


def _agent_on(world: World, branch: str) -> str:
    return next((agent.name for agent in world.store.agents() if branch_of(agent) == branch), "")


def _checkout(path: Path, work: Work) -> Worktree:
    if work.worktree is None:
        raise RefusedError(f"{path} is no longer a worktree of this repository.", hint="“agentdeck doctor” says more.")
    return work.worktree


def _uncommitted(world: World, worktree: Worktree) -> tuple[tuple[str, ...], tuple[str, ...]]:
    lines, repositories = changes.to_commit(enter(world.repo, worktree))
    begun = (worktree.git_dir / "MERGE_HEAD").exists()
    if any(line[:2] in _UNMERGED for line in lines) or (begun and not lines):
        raise RefusedError(
            f"A merge in {worktree.path} is not finished.",
            hint=f"“{git_in(worktree.path)} status” says how to continue or abort it.",
        )
    return tuple(lines), tuple(repositories)


def check_links(world: World, candidate: Candidate, old: str, new: str) -> None:
    """Raise RefusedError where `new` has links to repositories that `old` has not and that no clone could get."""
    found = new_repositories(world.repo, old, new)
    if not found:
        return
    hint = f"Remove them from {candidate.branch or candidate.tip[:10]} first."
    if candidate.worktree is not None:
        git = git_in(candidate.worktree.path)
        hint = f"{git} rm --cached -- {shlex.join(found)} && {git} commit -m 'Leave out repositories'"
    raise RefusedError(
        f"{candidate.agent.name} has committed links to repositories that .gitmodules does not name: {listed(found)}.",
        hint=hint,
    )


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
    commit = world.repo.git("commit-tree", whole.tree, *words, "-F", "-", stdin=_bytes(text), env=NOBODY)
    return replace(candidate, tip=commit)


def _unreadable(agent: Agent, why: Sequence[str]) -> RefusedError:
    detail = "\n".join(why[:_SHOWN])
    return RefusedError(f"Some work of {agent.name} can't be committed.", detail=detail)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


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
    done = git(*options, "commit", "--quiet", "--file=-", stdin=_bytes(message or title_of(agent)), env=env)
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


def title_of(agent: Agent, subjects: Sequence[str] = ()) -> str:
    """The first line of the task, as the subject of a commit; of a command, the subject of its last commit."""
    if agent.profile == COMMAND and subjects:
        return subjects[-1]
    first = next(iter(agent.task.strip().splitlines()), "") or agent.name
    return first if len(first) <= 72 else first[:71].rstrip() + "…"


def wording(
    world: World, agent: Agent, commits: Sequence[tuple[str, str]], method: Method, request: LandRequest
) -> CommitWording:
    """The message of the commit that lands, and its trailers."""
    subjects = [subject for _, subject in commits]
    title = title_of(agent, subjects)
    if method is Method.SQUASH:
        listed = "\n".join(f"- {subject}" for subject in subjects)
        message = title if len(subjects) == 1 else f"{title}\n\n{listed}"
    else:
        message = f"Merge {agent.name}: {title}"
    switched = world.settings.config.landing.trailers if request.trailers is None else request.trailers
    status = world.store.status(agent.name)
    profile = status.profile or agent.profile
    trailers = [("Agentdeck-Agent", agent.name), ("Agentdeck-Profile", profile), ("Agentdeck-Model", status.model)]
    if switched:
        from agentdeck.engine.landing.auditing import assisted_by
        from agentdeck.engine.profiles.failovers import backups

        trailers += [("Agentdeck-Failover", backup) for backup in backups(world, agent)]
        trailers += assisted_by(world, agent)
    own = tuple(pair for pair in trailers if pair[1]) if switched else ()
    closes = (("Closes", agent.closes),) if agent.closes else ()
    return CommitWording(request.message or message, (*closes, *own))
