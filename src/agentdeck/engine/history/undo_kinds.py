"""How each kind of part of a step is taken back, and what that is as a part of the step which the undo is.

Every one may be taken back twice: a crash may come between the deed and its being written down.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from agentdeck.core.agents.agent import Phase
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.engine.landing.committing import committed
from agentdeck.engine.landing.standing import set_landed
from agentdeck.engine.lifecycle import removal, restoring
from agentdeck.engine.lifecycle.kept_databases import is_kept, keep_database
from agentdeck.engine.lifecycle.leases import doubt_of_kept
from agentdeck.engine.records.parts import (
    BaseMove,
    BranchBack,
    BranchGone,
    ChangeBack,
    ChangeGone,
    DatabaseGone,
    LandedAgent,
    Part,
    RecordBack,
    RecordGone,
    Removal,
    Restoration,
    Unreadable,
    WorkCommit,
    doubt_of_part,
)
from agentdeck.engine.review import reverting
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.boxed import still
from agentdeck.engine.worktrees.heads import work_of
from agentdeck.engine.world import Note, World
from agentdeck.errors import NotFoundError, RefusedError
from agentdeck.system.files.files import private_folder
from agentdeck.system.git import advance, bases, branches, merges, snapshots
from agentdeck.system.git.checkouts import find_worktree, is_bare, list_worktrees
from agentdeck.system.git.repository import Repository, git_in


class MovedOnError(RefusedError):
    """A base branch has moved on since the landing that is to be taken back."""


def uses_configuration(part: Part) -> bool:
    """Whether taking it back makes or removes an agent or a database, as the configuration says."""
    return isinstance(part, Removal | Restoration | DatabaseGone)


def check_readable(part: Part) -> None:
    """Raise RefusedError where the part names what is not AgentDeck's to touch."""
    if why := doubt_of_part(part):
        raise RefusedError(f"The step was changed: {why}.", hint="Nothing was undone.")


def check(world: World, part: Part) -> None:
    """Raise where the part can't be taken back."""
    check_readable(part)
    match part:
        case Removal():
            _check_removal(world, part)
        case Restoration():
            _check_restoration(world, part)
        case BaseMove():
            _check_base(world, part)
        case WorkCommit():
            _check_commit(world, part)
        case BranchGone():
            _check_branch(world, part)
        case BranchBack():
            _check_branch_again(world, part)
        case RecordGone():
            _check_record(world, part)
        case RecordBack():
            _check_record_again(world, part)
        case DatabaseGone():
            _check_database(world, part)
        case ChangeGone() | ChangeBack():
            reverting.check(world, part)
        case Unreadable():
            raise AssertionError


def take_back(world: World, part: Part, key: str, note: Note) -> Part | None:  # noqa: PLR0911 - one for each kind
    """Take the part back, within the step of that key; return what that is, None where it is written down already."""
    check_readable(part)
    match part:
        case Removal():
            return _undo_removal(world, part, note)
        case Restoration():
            return _undo_restoration(world, part, key, note)
        case BaseMove():
            return _undo_base(world, part, key, note)
        case WorkCommit():
            with still(world, world.store.agent(part.agent)):
                return _undo_commit(world, part, key)
        case BranchGone():
            return _undo_branch(world, part, key)
        case BranchBack():
            return _undo_branch_again(world, part)
        case RecordGone():
            return _undo_record(world, part)
        case RecordBack():
            return _undo_record_again(world, part)
        case DatabaseGone():
            return _undo_database(world, part)
        case ChangeGone() | ChangeBack():
            return reverting.take_back(world, part)
        case Unreadable():
            raise AssertionError


def _check_removal(world: World, part: Removal) -> None:
    restoring.check(world, part.agent, part.trash)


def _undo_removal(world: World, part: Removal, note: Note) -> Part | None:
    agent = world.store.agent(part.agent)
    if agent is None or agent.phase is Phase.RELEASING:
        restoring.restore(world, part.agent, part.trash, note)
    elif agent.trash == part.trash:
        with world.store.operation(agent.name, wait=5):
            restoring.go_on(world, agent, note)
    return Restoration(part.agent)


def _check_restoration(world: World, part: Restoration) -> None:
    name = part.agent
    if world.store.agent(name) is None:
        raise NotFoundError(f"The agent “{name}” no longer exists.")
    if world.lives(name) and world.store.status(name).state.is_live:
        raise RefusedError(f"{name} is running.", hint=f"Stop it first: agentdeck stop {name}")


def _undo_restoration(world: World, part: Restoration, key: str, note: Note) -> Part | None:
    with world.store.operation(part.agent, wait=5):
        agent = world.store.agent(part.agent)
        if agent is not None:
            removal.remove(world, agent, note, step=key)
    return None


def _check_base(world: World, part: BaseMove) -> None:
    branch, now = part.branch, world.repo.commit(f"refs/heads/{part.branch}")
    if now != part.new:
        raise MovedOnError(f"{branch} has moved on since, to {(now or 'nothing')[:12]}.", hint=_by_hand(world, part))
    advance.check(world.repo, bases.Move(branch, part.new, part.old))


def _by_hand(world: World, part: BaseMove) -> str:
    """The hint that says which command takes a landing back, or an undo of one, where the base has moved on."""
    repo, branch, old, new = world.repo, part.branch, part.old, part.new
    if repo.commit(f"refs/heads/{branch}") is None:
        return f"“git branch {shlex.quote(branch)} {old[:12]}” restores the branch as it was."
    holder = next((tree.path for tree in list_worktrees(repo) if tree.branch == branch and tree.path.is_dir()), None)
    git = git_in(holder or world.root)
    begin = "" if holder or is_bare(repo) else f"{git} switch {shlex.quote(branch)} && "
    if merges.is_ancestor(repo, new, old):
        return f"Restore it with a merge: {begin}{git} merge --no-edit {old[:12]}"
    commits = [line.split() for line in repo.lines("rev-list", "--parents", f"{old}..{new}")]
    if repo.commit(f"{new}^1") == old:
        what = f"{'-m 1 ' if len(commits[0]) > 2 else ''}{new[:12]}"
    elif all(len(line) == 2 for line in commits):
        what = f"{old[:12]}..{new[:12]}"
    else:
        # Merges are among the commits: each has a side of its own to go back to.
        message = shlex.quote(f"Undo what landed up to {new[:12]}")
        apply = f"{git} diff --binary {new[:12]} {old[:12]} | {git} apply --index --3way"
        return f"Undo it with a new commit: {begin}{apply} && {git} commit -m {message}"
    return f"Undo it with a new commit: {begin}{git} revert --no-edit {what}"


def _undo_base(world: World, part: BaseMove, key: str, note: Note) -> Part | None:
    branch = part.branch
    with bases.holding(world.repo, branch, wait=30):
        advance.advance(world.repo, bases.Move(branch, part.new, part.old), f"agentdeck: {key}")
    moved = {"branch": branch, "old": part.new, "new": part.old}
    for each in part.agents:
        set_landed(world, each.name, each.before)
        note(Event(EventKind.BASE_MOVED, each.name, f"{branch} is back at {part.old[:12]}", moved))
    swapped = tuple(LandedAgent(each.name, each.after, each.before) for each in part.agents)
    return BaseMove(branch, part.new, part.old, swapped)


def _check_commit(world: World, part: WorkCommit) -> None:
    # One that is removed comes back with a part of the same step.
    agent = world.store.agent(part.agent)
    if agent is None:
        return
    here, now = _at_agent(world, part), committed(world, part)
    if now != part.new:
        raise RefusedError(
            f"{part.branch or 'HEAD of ' + part.agent} has moved on since, to {(now or 'nothing')[:12]}.",
            hint="It was left unchanged.",
        )
    head = work_of(world, agent).head
    if head.branch != part.branch or head.under_way:
        there = part.branch or part.new[:12]
        back = shlex.quote(there) if part.branch else f"--detach {there}"
        raise RefusedError(
            f"The worktree of {agent.name} is no longer on {there}: HEAD is {head.text}.",
            hint=f"Return to it first: {git_in(here.folder)} switch {back}",
        )
    staged = f"{part.index_new}:staged" if part.index_new else f"{part.new}^{{tree}}"
    if here.run("write-tree").text.strip() != here.run("rev-parse", staged).text.strip():
        raise RefusedError(
            f"The staged changes in {here.folder} have changed since.",
            hint=f"Commit it, or unstage it: {git_in(here.folder)} restore --staged .",
        )


def _undo_commit(world: World, part: WorkCommit, key: str) -> Part | None:
    """Set the agent's branch back, and its index as it was; the files are the same before and after."""
    here, ref = _at_agent(world, part), f"refs/heads/{part.branch}" if part.branch else "HEAD"
    worktree = find_worktree(world.repo, here.folder)
    if committed(world, part) == part.new:
        here.git("update-ref", "--no-deref", "-m", f"agentdeck: {key}", ref, part.old, part.new)
    if committed(world, part) == part.old and worktree is not None:
        index = here.run("cat-file", "blob", f"{part.index_old}:index") if part.index_old else None
        if index:
            snapshots.put_index(worktree, index.out)
            here.run("update-index", "-q", "--refresh")
        else:
            here.git("read-tree", part.old)
    return replace(part, old=part.new, new=part.old, index_old=part.index_new, index_new=part.index_old)


def _at_agent(world: World, part: WorkCommit) -> Repository:
    agent = world.store.agent(part.agent)
    if agent is None or agent.worktree is None:
        raise NotFoundError(f"{part.agent} no longer has a worktree.")
    return identity.enter(world, agent)


def _check_branch(world: World, part: BranchGone) -> None:
    ref = f"refs/heads/{part.branch}"
    if (now := world.repo.commit(ref)) not in (None, part.tip):
        raise RefusedError(f"The branch {part.branch} exists again, at {str(now)[:12]}.")
    if world.repo.commit(part.ref) is None:
        raise NotFoundError(f"The branch {part.branch} is no longer in the trash.")


def _undo_branch(world: World, part: BranchGone, key: str) -> Part | None:
    ref = f"refs/heads/{part.branch}"
    if world.repo.commit(ref) is None:
        world.repo.git("update-ref", "-m", f"agentdeck: {key}", ref, part.tip, "0" * len(part.tip))
        for name, value in part.settings:
            world.repo.git("config", f"branch.{part.branch}.{name}", value)
    return BranchBack(part.branch, part.tip, part.ref, part.settings)


def _check_branch_again(world: World, part: BranchBack) -> None:
    now = world.repo.commit(f"refs/heads/{part.branch}")
    if now not in (None, part.tip):
        raise RefusedError(f"{part.branch} has moved on since, to {str(now)[:12]}.", hint="It was left unchanged.")


def _undo_branch_again(world: World, part: BranchBack) -> Part | None:
    branches.delete_branch(world.repo, part.branch, part.tip)
    return BranchGone(part.branch, part.tip, part.ref, part.settings)


def _check_record(world: World, part: RecordGone) -> None:
    if not _kept(world, part).is_dir():
        if _record(world, part).is_dir():
            return  # it never went
        raise NotFoundError(f"git's record of {part.path} is no longer in the trash.")
    if _record(world, part).exists():
        raise RefusedError(f"git has a worktree record “{part.name}” again.")
    if part.branch:
        branches.check_free(world.repo, part.branch)


def _undo_record(world: World, part: RecordGone) -> Part | None:
    import shutil

    if not _record(world, part).exists():
        private_folder(_record(world, part).parent)
        shutil.move(_kept(world, part), _record(world, part))
    return RecordBack(part.name, part.stamp, part.ref, part.path, part.branch)


def _check_record_again(world: World, part: RecordBack) -> None:
    if not _record(world, part).is_dir():
        raise NotFoundError(f"git no longer has a record of {part.path}.")
    if Path(part.path).exists():
        raise RefusedError(f"{part.path} exists again.", hint="Its record is in use; it was left unchanged.")


def _undo_record_again(world: World, part: RecordBack) -> Part | None:
    import shutil

    if _record(world, part).is_dir():
        private_folder(_kept(world, part).parent)
        shutil.move(_record(world, part), _kept(world, part))
    return RecordGone(part.name, part.stamp, part.ref, part.path, part.branch)


def _check_database(world: World, part: DatabaseGone) -> None:
    if world.database is None:
        raise RefusedError("agentdeck.toml no longer configures a database.", hint="Restore [database] as it was.")
    if part.dump and not Path(part.dump).exists():
        raise NotFoundError(f"The dump of {part.agent}'s database is no longer in the trash.")
    if why := doubt_of_kept(world, part.agent, part.plan):
        raise RefusedError(f"The step was changed: {why}.", hint="Nothing was undone.")


def _undo_database(world: World, part: DatabaseGone) -> Part | None:
    _check_database(world, part)
    kept = is_kept(world.store, part.plan)
    if world.database is not None and not (kept and world.database.exists(part.plan)):
        world.database.create(part.plan)
        if part.dump:
            world.database.restore(part.plan, Path(part.dump))
    if not kept:
        keep_database(world.store, part.agent, part.plan)
    return None


def _record(world: World, part: RecordGone | RecordBack) -> Path:
    return Path(world.repo.common, "worktrees", part.name)


def _kept(world: World, part: RecordGone | RecordBack) -> Path:
    return Path(world.store.trash, "records", f"{part.name}-{part.stamp}")
