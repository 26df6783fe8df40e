"""Where an agent's work is: at HEAD of its worktree. An agent may switch, rename and detach as it likes.

Its record follows HEAD, so that a removal knows which branches are the agent's own. Only where there is no worktree any
more does the record itself say which branch the work is on.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from agentdeck.core.agents.agent import Agent, Phase
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.leases import WorktreeLease
from agentdeck.core.frozen import dataclass
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.boxed import take_in
from agentdeck.engine.world import Note, World
from agentdeck.errors import BusyError, NotFoundError, RefusedError
from agentdeck.system.git import heads
from agentdeck.system.git.checkouts import Worktree, keeps_refs_in_tables, list_worktrees
from agentdeck.system.git.heads import Head
from agentdeck.system.git.repository import git_in

_READ = ("HEAD", "gitdir", "commondir")
"""The files of a worktree's git folder that `look_at` reads."""
_TICK = 100_000_000
"""Nanoseconds within which two changes of a file may have the same time."""


@dataclass(frozen=True, slots=True)
class Work:
    """Where an agent's work is."""

    head: Head
    tip: str | None
    """The last commit; None before the first one of a branch, or where the branch is gone."""
    worktree: Worktree | None
    """None where git has no record of it any more."""
    elsewhere: tuple[Worktree, ...] = ()
    """All other worktrees of the repository."""


def work_of(world: World, agent: Agent) -> Work:
    """Raise NotFoundError for an agent that never had a worktree."""
    take_in(world, agent)
    lease, own = _lease(agent), identity.git_dir(world.repo.common, agent)
    trees = list_worktrees(world.repo)
    worktree = next((tree for tree in trees if own and os.path.realpath(tree.git_dir) == os.path.realpath(own)), None)
    if worktree is None:
        branch = lease.branch
        return Work(Head(branch), world.repo.commit(f"refs/heads/{branch}") if branch else None, None)
    head, tip = heads.head_of(worktree), worktree.head
    if head.under_way:
        tip = world.repo.commit(f"refs/heads/{head.branch}") if head.branch else None
        tip = tip or heads.origin_tip(world.repo, worktree)
    return Work(head, tip, worktree, tuple(tree for tree in trees if tree is not worktree))


def branch_of(agent: Agent) -> str:
    """The branch that the agent's work is on, without a call of git; empty for none."""
    lease = agent.worktree
    if lease is None:
        return agent.branch
    head = recorded_head(lease)
    return lease.branch if head is None else head.branch


def recorded_head(lease: WorktreeLease | None) -> Head | None:
    """HEAD of the worktree that the lease is of, as far as a look at files tells it."""
    git_dir = lease.git_dir if lease and lease.held else None
    return heads.head_at(Path(git_dir)) if git_dir else None


@dataclass(frozen=True, slots=True)
class WorktreeLook:
    """What the files of an agent's worktree told of it."""

    trouble: str
    head: Head | None
    signs: tuple[tuple[int, ...], ...] = ()
    """While they are these, the files tell the same; () where only reading them tells."""


def look_at(common: Path, agent: Agent, known: WorktreeLook | None = None) -> WorktreeLook:
    """See `identity.trouble` and `recorded_head`; `known` is what the last look found, of the same record."""
    signs = _signs(agent.worktree)
    if known is not None and signs and signs == known.signs:
        return known
    wrong, head = identity.trouble(common, agent), recorded_head(agent.worktree)
    # What is under way is told by more files, and what was written just now may be written again in the same tick.
    rests = not wrong and head is not None and not head.under_way
    is_old = max((sign[0] for sign in signs), default=0) < time.time_ns() - _TICK
    return WorktreeLook(wrong, head, signs if rests and is_old else ())


def _signs(lease: WorktreeLease | None) -> tuple[tuple[int, ...], ...]:
    """Other ones whenever what is read of the worktree was written or replaced: the time of a change can't be set back
    as that of a content can. () where they would not tell."""
    if lease is None or not lease.held or not lease.git_dir:
        return ()
    git_dir = lease.git_dir
    try:
        facts = [os.lstat(place) for place in (f"{lease.path}/.git", git_dir, *(f"{git_dir}/{name}" for name in _READ))]
        folder = os.lstat(lease.path)
    except OSError:
        return ()
    if any(stat.S_ISLNK(found.st_mode) for found in facts) or os.path.lexists(f"{git_dir}/sequencer"):
        return ()
    return (0, folder.st_mode, folder.st_ino), *((found.st_ctime_ns, found.st_size, found.st_ino) for found in facts)


def own_branches(lease: WorktreeLease) -> list[str]:
    """The branches that AgentDeck made for the agent, or that the agent made in its worktree: the current one first."""
    current = [lease.branch] if lease.branch and lease.create else []
    return [*current, *(name for name, own in lease.former.items() if own)]


def left_behind(world: World, agent: Agent, work: Work) -> dict[str, int]:
    """The branches that the agent left, each with how many commits it has that neither its work nor its base has."""
    lease = _lease(agent)
    names = dict.fromkeys([lease.branch, *lease.former])
    others = [f"^{known}" for known in (work.tip, world.repo.commit(f"refs/heads/{lease.base}")) if known]
    found = {}
    for name in names:
        if not name or name == work.head.branch or world.repo.commit(f"refs/heads/{name}") is None:
            continue
        count = int(world.repo.git("rev-list", "--count", f"refs/heads/{name}", *others, "--"))
        if count:
            found[name] = count
    return found


def fetched(world: World, agent: Agent) -> tuple[str, str, str]:
    """Of an agent on another host, what was fetched last: where its work begins, its last commit, and the commit of all
    that its worktree held."""
    lease = agent.worktree
    if lease is None:
        raise NotFoundError(f"{agent.name} has no worktree.")
    live = world.repo.commit(f"refs/agentdeck/live/{agent.name}") or lease.base_commit
    tip = world.repo.commit(f"refs/agentdeck/tip/{agent.name}") or lease.base_commit
    base = world.repo.commit(f"refs/heads/{lease.base}") or lease.base_commit
    return world.repo.run("merge-base", live, base).text.strip() or lease.base_commit, tip, live


# The record follows


def follow_all(world: World, agents: Sequence[Agent], note: Note) -> None:
    """Let the record of each agent follow HEAD where that moved; what others are at is left to them."""
    listed = list_worktrees(world.repo) if agents and keeps_refs_in_tables(world.repo) else []
    places = {os.path.realpath(tree.git_dir): tree for tree in listed}
    for agent in agents:
        lease = agent.worktree
        if lease is None or not _may_follow(agent, lease):
            continue
        tree = places.get(os.path.realpath(lease.git_dir)) if places else None
        head = heads.head_of(tree) if tree else recorded_head(lease)
        if head is None or head.branch == lease.branch or world.store.in_operation(agent.name):
            continue
        with contextlib.suppress(BusyError), world.store.operation(agent.name):
            current = world.store.agent(agent.name)
            if current is not None:
                follow(world, current, note)


def follow(world: World, agent: Agent, note: Note) -> Agent:
    """Let the agent's record say which branch its work is on, and which others it made. The caller holds its operation
    lock."""
    lease = agent.worktree
    if lease is None or agent.landing or not lease.held:
        return agent
    work = work_of(world, agent)
    head, worktree = work.head, work.worktree
    if worktree is None:
        return agent
    was, own = lease.branch, own_branches(lease)
    made = heads.made_there(world.repo, worktree, own, agent.created)
    others = {lease.base, *(tree.branch for tree in work.elsewhere)}
    made = [name for name in made if name not in others and not _owner(world, agent, name)]
    former = {**lease.former, **dict.fromkeys([*own, *made], True)}
    if was == agent.branch:
        former.setdefault(was, lease.create)
    branch = was if head.under_way and not head.branch else head.branch
    is_own = former.pop(branch, False)
    former = {name: mine for name, mine in former.items() if name and world.repo.commit(f"refs/heads/{name}")}
    if (branch, is_own, former) == (was, lease.create, lease.former):
        return agent
    agent = agent.with_lease(lease.changed(branch=branch, create=is_own, former=former))
    world.store.save(agent)
    if branch != was:
        facts = {"branch": branch, "from": was, "own": is_own, "commit": worktree.head or ""}
        world.note(Event(EventKind.BRANCH_ADOPTED, agent.name, _adopted(head, is_own), facts), note)
    return agent


def _may_follow(agent: Agent, lease: WorktreeLease) -> bool:
    return agent.phase is Phase.HELD and lease.held and bool(lease.git_dir) and not agent.landing


def _adopted(head: Head, is_own: bool) -> str:
    if not head.branch:
        return f"its work is no longer on a branch: HEAD is {head.text}"
    if is_own:
        return f"its work is now on the branch {head.branch}"
    return f"its work is now on the branch {head.branch}, which is not its own and stays after a removal"


# What can't land


def check_lands(world: World, agent: Agent, work: Work, *, needs_branch: bool = False) -> str:
    """The commit that `agent` has to land. Raise RefusedError, or NotFoundError, where HEAD says that it can't."""
    name, head, tree = agent.name, work.head, work.worktree
    place = _lease(agent).data["path"]
    if head.under_way:
        raise RefusedError(
            f"{name} is in the middle of {head.under_way} in {place}.",
            hint=f"“{git_in(place)} status” says how to continue or abort it.",
        )
    if work.tip is None:
        _refuse_without_commit(world, agent, work)
    if needs_branch and not head.branch:
        raise RefusedError(
            f"The work of {name} is on no branch: HEAD is {head.text}.",
            hint=f"Create one: {git_in(place)} switch --create {_free(world, agent)}",
        )
    if tree is not None and head.branch:
        _check_alone(world, agent, tree, head.branch, work.elsewhere)
    return str(work.tip)


def _refuse_without_commit(world: World, agent: Agent, work: Work) -> None:
    lease, branch = _lease(agent), work.head.branch
    if work.worktree is None:
        raise NotFoundError(
            f"The branch {branch} of {agent.name} is gone." if branch else f"The worktree of {agent.name} is gone.",
            hint="“git fsck --no-reflogs --lost-found” may find its last commit.",
        )
    git = git_in(lease.path)
    first = agent.branch or next(iter(own_branches(lease)), "")
    if last := heads.last_commit_on(world.repo, work.worktree, branch, first):
        raise NotFoundError(
            f"The branch {branch} of {agent.name} is gone.",
            hint=f"Create it again at its last commit: {git} branch {shlex.quote(branch)} {last[:12]}",
        )
    back = next((each for each in (lease.branch, *lease.former) if each and each != branch), "")
    hint = f"Return to the one it left: {git} switch {shlex.quote(back)}" if back else f"{git} status"
    raise RefusedError(f"The work of {agent.name} is on the branch {branch}, which has no commit yet.", hint=hint)


def _check_alone(world: World, agent: Agent, tree: Worktree, branch: str, elsewhere: Sequence[Worktree]) -> None:
    """Raise RefusedError where someone else works on the branch too."""
    if owner := _owner(world, agent, branch):
        raise RefusedError(
            f"The worktree of {agent.name} is on {branch}, the branch of {owner}.",
            hint=f"“agentdeck merge {owner}” lands that agent.",
        )
    if branch in own_branches(_lease(agent)):
        return
    for other in elsewhere:
        if other.branch == branch and other.path.is_dir() and not other.bare:
            raise RefusedError(
                f"The worktree of {agent.name} is on {branch}, which is checked out in {other.path} too.",
                hint=f"Give it a branch of its own: {git_in(tree.path)} switch --create {_free(world, agent)}",
            )


def _owner(world: World, agent: Agent, branch: str) -> str:
    """The other agent whose own the branch is; empty for none."""
    others = ((other.name, other.worktree) for other in world.store.agents() if other.name != agent.name)
    return next((name for name, lease in others if lease is not None and branch in own_branches(lease)), "")


def _free(world: World, agent: Agent) -> str:
    from agentdeck.system.git.branches import free_name

    template = world.safe_settings.config.agent.branch.replace("{name}", agent.name)
    return shlex.quote(free_name(world.repo, template))


def _lease(agent: Agent) -> WorktreeLease:
    lease = agent.worktree
    if lease is None:
        raise NotFoundError(f"{agent.name} has no worktree.")
    return lease
