"""Take a step back, part by part and the last one first; what that does is a step too, which can be taken back again.

All parts are looked at before the first is touched. `<store>/steps/undo` says what is under way, so that the next verb
goes on with what a crash cut short: every part may be taken back twice.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Phase
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.text.text import listed
from agentdeck.engine.landing.candidates import committed
from agentdeck.engine.landing.standing import set_landed
from agentdeck.engine.lifecycle import removal, restoring
from agentdeck.engine.lifecycle.kept_databases import is_kept, keep_database
from agentdeck.engine.lifecycle.leases import check_part, doubt_of_kept
from agentdeck.engine.records.steps import Part, Step, Steps
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.heads import work_of
from agentdeck.engine.world import Note, World
from agentdeck.errors import BusyError, DeckError, NotFoundError, RefusedError
from agentdeck.system.files.files import locked, private_folder, read_note, write_json
from agentdeck.system.git import advance, bases, branches, merges, snapshots
from agentdeck.system.git.checkouts import find_worktree, is_bare, list_worktrees
from agentdeck.system.git.repository import Repository, git_in

_TURN = 120.0
"""Seconds to wait for another undo, which may bring back a large worktree."""


def undo(world: World, step: Step, note: Note) -> Step:
    """Take `step` back and return the step which that is. Raise RefusedError, with nothing changed, where one of its
    parts can't be as it was, and where it was taken back already."""
    _check_not_undone(step)
    with locked(private_folder(_journal(world).parent) / "undo.lock", wait=_TURN, what="an undo"):
        if _journal(world).exists():
            _go_on(world, note)
        # Another process may have had its turn meanwhile.
        _check_not_undone(Steps(world.store).get(step.number))
        begun = {"step": step.number, "key": f"undo {step.number} {os.urandom(4).hex()}"}
        try:
            _check(world, step.parts)
        except MovedOnError as error:
            removals = _removals(step.parts)
            if not removals:
                raise
            _check(world, removals)
            begun["only"] = "removal"
            names = listed([part["agent"] for part in removals])
            text = f"{error.title} The landing stays; restored: {names}. {error.hint}"
            note(Event(EventKind.WARNING, names, text))
        write_json(_journal(world), begun)
        return _go_on(world, note)


def uses_configuration(step: Step) -> bool:
    """Whether taking `step` back makes or removes an agent or a database, as the configuration says."""
    return any(part["kind"] in _CONFIGURED for part in step.parts)


class MovedOnError(RefusedError):
    """A base branch has moved on since the landing that is to be taken back."""


def _check(world: World, parts: Sequence[Part]) -> None:
    for part in reversed(parts):
        check_part(part)
        _KINDS[part["kind"]].check(world, part)


def _removals(parts: Sequence[Part]) -> list[Part]:
    """The removals among `parts`, which can be taken back without the rest."""
    return [part for part in parts if part["kind"] == "removal"]


def _check_not_undone(step: Step) -> None:
    if step.undone:
        raise RefusedError(
            f"Step {step.number} was already undone by step {step.undone}.",
            hint=f"“agentdeck undo --step {step.undone}” undoes that.",
        )


def finish(world: World, note: Note) -> None:
    """Go on with an undo that a crash cut short; what another process is at is left to it."""
    try:
        with locked(_journal(world).with_name("undo.lock"), what="an undo"):
            if _journal(world).exists():
                _go_on(world, note)
    except BusyError:
        return


def _journal(world: World) -> Path:
    return world.store.folder / "steps" / "undo"


def _begun(facts: Any) -> tuple[int, str, bool]:
    return int(facts["step"]), str(facts["key"]), bool(facts.get("only"))


def _go_on(world: World, note: Note) -> Step:
    steps = Steps(world.store)
    number, key, is_part = read_note(_journal(world), "An undo", _begun)
    try:
        step = steps.get(number)
    except NotFoundError:
        _journal(world).unlink()  # someone has moved the step away: nobody can go on with it
        raise
    text, left, stay = _sentence(steps, step), list(step.parts), list[Part]()
    if is_part:
        left = _removals(step.parts)
        stay = [part for part in step.parts if part not in left]
        text = f"undid the removal in step {step.number}: {step.text}"
    new = steps.record(key, text, undoes=step.number)
    try:
        while left:
            check_part(left[-1])
            back = _KINDS[left[-1]["kind"]].undo(world, left[-1], key, note)
            left.pop()
            if back is not None:
                steps.record(key, text, back)
    except DeckError:
        # What was taken back is one step, what was not stays another, to be tried again.
        steps.keep_parts(step.number, [*stay, *left])
        if not steps.get(new.number).parts:
            steps.forget(new.number)
        _journal(world).unlink()
        raise
    if stay:
        steps.keep_parts(step.number, stay)
    else:
        steps.mark_undone(step.number, new.number)
    _journal(world).unlink()
    return steps.get(new.number)


def _sentence(steps: Steps, step: Step) -> str:
    """What taking `step` back is called: the undo of an undo does the first thing again."""
    number, again = step.number, False
    # What a step undid may have expired.
    known = {each.number: each for each in steps.all()}
    while step.undoes in known:
        step, again = known[step.undoes], not again
    return f"redid step {number}: {step.text}" if again else f"undid step {step.number}: {step.text}"


# The kinds of parts


@dataclass(frozen=True, slots=True)
class _Kind:
    check: Callable[[World, Part], None]
    """Raise where the part can't be taken back."""
    undo: Callable[[World, Part, str, Note], Part | None]
    """Take it back, within the step of the given key; return what that is as a part, None where it is told already."""


def _check_removal(world: World, part: Part) -> None:
    restoring.check(world, part["agent"], part["trash"])


def _undo_removal(world: World, part: Part, key: str, note: Note) -> Part | None:
    agent = world.store.agent(part["agent"])
    if agent is None or agent.phase is Phase.RELEASING:
        restoring.restore(world, part["agent"], part["trash"], note)
    elif agent.trash == part["trash"]:
        with world.store.operation(agent.name, wait=5):
            restoring.go_on(world, agent, note)
    return {"kind": "restoration", "agent": part["agent"]}


def _check_restoration(world: World, part: Part) -> None:
    name = part["agent"]
    if world.store.agent(name) is None:
        raise NotFoundError(f"The agent “{name}” no longer exists.")
    if world.lives(name) and world.store.status(name).state.is_live:
        raise RefusedError(f"{name} is running.", hint=f"Stop it first: agentdeck stop {name}")


def _undo_restoration(world: World, part: Part, key: str, note: Note) -> Part | None:
    with world.store.operation(part["agent"], wait=5):
        agent = world.store.agent(part["agent"])
        if agent is not None:
            removal.remove(world, agent, note, step=key)
    return None


def _check_base(world: World, part: Part) -> None:
    branch, now = part["branch"], world.repo.commit(f"refs/heads/{part['branch']}")
    if now != part["new"]:
        raise MovedOnError(f"{branch} has moved on since, to {(now or 'nothing')[:12]}.", hint=_by_hand(world, part))
    advance.check(world.repo, bases.Move(branch, part["new"], part["old"]))


def _by_hand(world: World, part: Part) -> str:
    """The hint that says which command takes a landing back, or an undo of one, where the base has moved on."""
    repo, branch, old, new = world.repo, part["branch"], part["old"], part["new"]
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


def _undo_base(world: World, part: Part, key: str, note: Note) -> Part | None:
    branch = part["branch"]
    with bases.holding(world.repo, branch, wait=30):
        advance.advance(world.repo, bases.Move(branch, part["new"], part["old"]), f"agentdeck: {key}")
    moved = {"branch": branch, "old": part["new"], "new": part["old"]}
    for each in part["agents"]:
        set_landed(world, each["name"], each["before"])
        note(Event(EventKind.BASE_MOVED, each["name"], f"{branch} is back at {part['old'][:12]}", moved))
    swapped = [{**each, "before": each["after"], "after": each["before"]} for each in part["agents"]]
    return {**part, "old": part["new"], "new": part["old"], "agents": swapped}


def _check_commit(world: World, part: Part) -> None:
    # One that is removed comes back with a part of the same step.
    agent = world.store.agent(part["agent"])
    if agent is None:
        return
    here, now = _at_agent(world, part), committed(world, part)
    if now != part["new"]:
        raise RefusedError(
            f"{part['branch'] or 'HEAD of ' + part['agent']} has moved on since, to {(now or 'nothing')[:12]}.",
            hint="It was left unchanged.",
        )
    head = work_of(world, agent).head
    if head.branch != part["branch"] or head.under_way:
        there = part["branch"] or part["new"][:12]
        back = shlex.quote(there) if part["branch"] else f"--detach {there}"
        raise RefusedError(
            f"The worktree of {agent.name} is no longer on {there}: HEAD is {head.text}.",
            hint=f"Return to it first: {git_in(here.folder)} switch {back}",
        )
    staged = f"{part['index_new']}:staged" if part["index_new"] else f"{part['new']}^{{tree}}"
    if here.run("write-tree").text.strip() != here.run("rev-parse", staged).text.strip():
        raise RefusedError(
            f"The staged changes in {here.folder} have changed since.",
            hint=f"Commit it, or unstage it: {git_in(here.folder)} restore --staged .",
        )


def _undo_commit(world: World, part: Part, key: str, note: Note) -> Part | None:
    """Set the agent's branch back, and its index as it was; the files are the same before and after."""
    here, ref = _at_agent(world, part), f"refs/heads/{part['branch']}" if part["branch"] else "HEAD"
    worktree = find_worktree(world.repo, here.folder)
    if committed(world, part) == part["new"]:
        here.git("update-ref", "--no-deref", "-m", f"agentdeck: {key}", ref, part["old"], part["new"])
    if committed(world, part) == part["old"] and worktree is not None:
        index = here.run("cat-file", "blob", f"{part['index_old']}:index") if part["index_old"] else None
        if index:
            snapshots.put_index(worktree, index.out)
            here.run("update-index", "-q", "--refresh")
        else:
            here.git("read-tree", part["old"])
    return {
        **part,
        "old": part["new"],
        "new": part["old"],
        "index_old": part["index_new"],
        "index_new": part["index_old"],
    }


def _at_agent(world: World, part: Part) -> Repository:
    agent = world.store.agent(part["agent"])
    if agent is None or agent.lease("worktree") is None:
        raise NotFoundError(f"{part['agent']} no longer has a worktree.")
    return identity.enter(world, agent)


def _check_branch(world: World, part: Part) -> None:
    ref = f"refs/heads/{part['branch']}"
    if (now := world.repo.commit(ref)) not in (None, part["tip"]):
        raise RefusedError(f"The branch {part['branch']} exists again, at {str(now)[:12]}.")
    if world.repo.commit(part["ref"]) is None:
        raise NotFoundError(f"The branch {part['branch']} is no longer in the trash.")


def _undo_branch(world: World, part: Part, key: str, note: Note) -> Part | None:
    ref = f"refs/heads/{part['branch']}"
    if world.repo.commit(ref) is None:
        world.repo.git("update-ref", "-m", f"agentdeck: {key}", ref, part["tip"], "0" * len(part["tip"]))
        for name, value in part["settings"]:
            world.repo.git("config", f"branch.{part['branch']}.{name}", value)
    return {**part, "kind": "branch again"}


def _check_branch_again(world: World, part: Part) -> None:
    now = world.repo.commit(f"refs/heads/{part['branch']}")
    if now not in (None, part["tip"]):
        raise RefusedError(f"{part['branch']} has moved on since, to {str(now)[:12]}.", hint="It was left unchanged.")


def _undo_branch_again(world: World, part: Part, key: str, note: Note) -> Part | None:
    branches.delete_branch(world.repo, part["branch"], part["tip"])
    return {**part, "kind": "branch"}


def _check_record(world: World, part: Part) -> None:
    if not _kept(world, part).is_dir():
        if _record(world, part).is_dir():
            return  # it never went
        raise NotFoundError(f"git's record of {part['path']} is no longer in the trash.")
    if _record(world, part).exists():
        raise RefusedError(f"git has a worktree record “{part['name']}” again.")
    if part["branch"]:
        branches.check_free(world.repo, part["branch"])


def _undo_record(world: World, part: Part, key: str, note: Note) -> Part | None:
    if not _record(world, part).exists():
        private_folder(_record(world, part).parent)
        shutil.move(_kept(world, part), _record(world, part))
    return {**part, "kind": "record again"}


def _check_record_again(world: World, part: Part) -> None:
    if not _record(world, part).is_dir():
        raise NotFoundError(f"git no longer has a record of {part['path']}.")
    if Path(part["path"]).exists():
        raise RefusedError(f"{part['path']} exists again.", hint="Its record is in use; it was left unchanged.")


def _undo_record_again(world: World, part: Part, key: str, note: Note) -> Part | None:
    if _record(world, part).is_dir():
        private_folder(_kept(world, part).parent)
        shutil.move(_record(world, part), _kept(world, part))
    return {**part, "kind": "record"}


def _check_database(world: World, part: Part) -> None:
    if world.database is None:
        raise RefusedError("agentdeck.toml no longer configures a database.", hint="Restore [database] as it was.")
    if part["dump"] and not Path(part["dump"]).exists():
        raise NotFoundError(f"The dump of {part['agent']}'s database is no longer in the trash.")
    if why := doubt_of_kept(world, part["agent"], part["plan"]):
        raise RefusedError(f"The step was changed: {why}.", hint="Nothing was undone.")


def _undo_database(world: World, part: Part, key: str, note: Note) -> Part | None:
    _check_database(world, part)
    kept = is_kept(world.store, part["plan"])
    if world.database is not None and not (kept and world.database.exists(part["plan"])):
        world.database.create(part["plan"])
        if part["dump"]:
            world.database.restore(part["plan"], Path(part["dump"]))
    if not kept:
        keep_database(world.store, part["agent"], part["plan"])
    return None


def _record(world: World, part: Part) -> Path:
    return Path(world.repo.common, "worktrees", part["name"])


def _kept(world: World, part: Part) -> Path:
    return Path(world.store.trash, "records", f"{part['name']}-{part['stamp']}")


_CONFIGURED = ("removal", "restoration", "database")
_KINDS = {
    "removal": _Kind(_check_removal, _undo_removal),
    "restoration": _Kind(_check_restoration, _undo_restoration),
    "base": _Kind(_check_base, _undo_base),
    "commit": _Kind(_check_commit, _undo_commit),
    "branch": _Kind(_check_branch, _undo_branch),
    "branch again": _Kind(_check_branch_again, _undo_branch_again),
    "database": _Kind(_check_database, _undo_database),
    "record": _Kind(_check_record, _undo_record),
    "record again": _Kind(_check_record_again, _undo_record_again),
}
"""What happened, by its name in the step: an agent removed and restored, a base moved, an agent's work committed, a
branch deleted and made again, a database dropped, git's record of a worktree taken away and put back."""
