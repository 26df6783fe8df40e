"""What an agent has to land: its branch's tip, the base it goes to, and what stands in the way of both."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from agentdeck.core.agents.agent import COMMAND, Agent
from agentdeck.core.frozen import dataclass
from agentdeck.core.text.text import listed
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.heads import Work, branch_of, check_lands, work_of
from agentdeck.engine.world import World
from agentdeck.errors import NotFoundError, RefusedError
from agentdeck.system.git import changes
from agentdeck.system.git.checkouts import Worktree, enter
from agentdeck.system.git.merges import CommitWording, Method
from agentdeck.system.git.repository import git_in
from agentdeck.system.git.staging import new_repositories

_UNMERGED = frozenset({"DD", "AU", "UD", "UA", "DU", "AA", "UU"})
SHOWN = 12
"""Paths of uncommitted work that are told."""


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
                detail="\n".join((*uncommitted[:SHOWN], *(["…"] if len(uncommitted) > SHOWN else []))),
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
