"""Remove an agent: everything it holds is saved first, then released in reverse order.

Nothing is released before all is saved. Up to then (phase `saving`) the removal can be given up: what refuses it, or a
crash, leaves the agent as it was. From then on (phase `releasing`) the next verb finishes it. Its undo step is written
before the first thing goes, and the files of its worktree are deleted last, out of their place.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from agentdeck.core.agents.agent import Agent, Phase
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.leases import WorktreeLease
from agentdeck.core.frozen import asdict, replace
from agentdeck.engine.lifecycle import leases
from agentdeck.engine.lifecycle.ending import came_to_run, end_runner
from agentdeck.engine.lifecycle.pane import adopted
from agentdeck.engine.lifecycle.removal_checks import check, check_still, unsaved
from agentdeck.engine.lifecycle.resources import DATABASE, worktree_of
from agentdeck.engine.lifecycle.stack import BY_KIND, release_all
from agentdeck.engine.lifecycle.survivors import tell_survivors
from agentdeck.engine.records.parts import Removal
from agentdeck.engine.records.steps import Step, Steps
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.heads import follow, own_branches
from agentdeck.engine.worktrees.release import departure, own_worktree, trash_ref
from agentdeck.engine.world import Note, World, in_one_look
from agentdeck.errors import DeckError
from agentdeck.system.files.files import append_line, delete, private_folder, read_state, write_json
from agentdeck.system.git import going, leaving, snapshots
from agentdeck.system.git.identity import identify
from agentdeck.system.machine.interrupts import uninterrupted
from agentdeck.system.machine.process import run
from agentdeck.system.state.store import new_stamp

INNER = "inner.json"
"""In an agent's folder in the trash: the worktrees that lay in its own."""


def trash_folder(world: World, agent: Agent) -> Path:
    return world.store.trash / f"{agent.name}-{agent.trash}"


@in_one_look
def remove(
    world: World,
    agent: Agent,
    note: Note,
    *,
    keep_branch: bool = False,
    keep_database: bool = False,
    step: str = "",
) -> None:
    """Remove `agent`, or go on with the removal that was cut short. The caller holds its operation lock.

    Raise, with the agent as it was, where something keeps it from being saved. The removal is a part of the step with
    the key `step`, or a step by itself.
    """
    if agent.host:
        from agentdeck.engine.lifecycle import removal_elsewhere

        gone = removal_elsewhere.remove(
            world, agent, note, keep_branch=keep_branch, keep_database=keep_database, step=step
        )
        retire(world, gone, trash_folder(world, gone))
        _tell_removed(gone, Steps(world.store).record(gone.step, ""), trash_folder(world, gone), note)
        return
    if agent.phase is Phase.SAVING:
        agent = give_up(world, agent)
    if agent.phase is not Phase.RELEASING:
        identity.mend_head(world.repo.common, agent)
        identity.mend_index(world, agent)
        text = _checked(world, agent, keep_database=keep_database)
        if text:
            world.note(Event(EventKind.IGNORED_LEFT, agent.name, text), note)
        agent = _save(world, agent, note, step, keep_database=keep_database)
        # Decided: from here on there is a way forward only, and an undo.
        agent = replace(_with_wishes(agent, branch=keep_branch, database=keep_database), phase=Phase.RELEASING)
        world.store.save(agent)
        if world.repo.commit(ref := trash_ref(agent)):
            world.note(Event(EventKind.SNAPSHOT_TAKEN, agent.name, f"saved as {ref}", {"ref": ref}), note)
    else:
        end_runner(world, agent.name)
        saved = private_folder(trash_folder(world, agent)) / "agent.json"
        if not saved.exists():  # it is a start that could not be taken back
            write_json(saved, agent.to_json())
        agent = _with_wishes(agent, branch=keep_branch, database=keep_database)
        _adopt(world, agent)
    _finish(world, agent, note)


def _checked(world: World, agent: Agent, *, keep_database: bool) -> str:
    check(world, agent, keep_database=keep_database)
    return unsaved(world, agent)


def _save(world: World, agent: Agent, note: Note, step: str, *, keep_database: bool) -> Agent:
    """Save all that `agent` holds, its worktree out of its place; return it in the phase `saving`."""
    stamp = new_stamp()
    before, agent = agent, replace(agent, phase=Phase.SAVING, trash=stamp)
    saved = private_folder(trash_folder(world, agent))
    try:
        write_json(saved / "agent.json", before.to_json())
        agent = replace(agent, step=step or f"removal {agent.name} {stamp}")
        world.store.save(agent)
        left = end_runner(world, agent.name)
        tell_survivors(world, agent, left, note)
        agent = follow(world, agent, note)
        followed = replace(agent, phase=before.phase, trash=before.trash, step=before.step)
        if followed != before:
            write_json(saved / "agent.json", followed.to_json())
        if agent.env_file and world.settings.config.hooks.teardown:
            check_still(world, agent)
            run_teardown(world, agent, note)
        lease = agent.database
        is_doubted = lease is not None and leases.doubt(world, agent, lease)
        _take_out(world, agent, saved)
        if lease is not None and not is_doubted and not keep_database:
            home = worktree_of(agent)
            DATABASE.save(world, lease, saved, moved=(home, departure(world, agent).place or home))
    except BaseException:
        # Where giving up fails too, the next verb does it, and the first error is the one to tell.
        with uninterrupted(), contextlib.suppress(DeckError, OSError):
            give_up(world, agent)
        raise
    return agent


def _adopt(world: World, agent: Agent) -> None:
    """Save and move out what is in its place still, because an older agentdeck began the removal."""
    found, leave = own_worktree(world, agent), departure(world, agent) if agent.worktree else None
    if found is None or leave is None or leave.has(found.git_dir) or found.locked != identity.lock_reason(agent.name):
        return
    if leave.is_deleted_from(found, world.repo.commit(trash_ref(agent))):
        leave.mark(found)
        leave.move_out()
    else:
        _take_out(world, agent, None)


def give_up(world: World, agent: Agent) -> Agent:
    """Leave an agent, whose removal was begun but not decided, as it was before; return it so."""
    saved = trash_folder(world, agent)
    if agent.worktree is not None:
        departure(world, agent).put_back()
    for ref in _trash_refs(world, agent):
        snapshots.discard(world.repo, snapshots.load(world.repo, ref))
    before = read_state(saved / "agent.json", Agent.from_json)
    world.store.save(before)
    delete(saved)
    return before


def _trash_refs(world: World, agent: Agent) -> list[str]:
    """The snapshot of its worktree, and those of the worktrees in it."""
    ref = trash_ref(agent)
    return world.repo.lines("for-each-ref", "--format=%(refname)", ref, f"{ref}-*")


def _with_wishes(agent: Agent, *, branch: bool, database: bool) -> Agent:
    """`agent` with what is to stay noted in its leases."""
    if branch and agent.worktree is not None:
        agent = agent.with_lease(agent.worktree.changed(keep_branch=True))
    if database and agent.database is not None:
        agent = agent.with_lease(agent.database.changed(keep=True))
    return agent


def _take_out(world: World, agent: Agent, saved: Path | None) -> None:
    """Save the worktree, and those in it, and move it out of its place. A gate's is only moved."""
    found, lease = own_worktree(world, agent), agent.worktree
    if found is None or lease is None:
        return
    leave = departure(world, agent)
    if agent.is_gate:
        leave.mark(found)
        if identify(found.path, found.git_dir).is_ours:
            leave.move_out()
        return
    inner = leaving.take_out(
        leave,
        found,
        trash_ref(agent),
        message=f"agentdeck: {agent.name} before its removal",
        ignored=world.settings.config.trash.ignored,
        branches=own_branches(lease),
        strict=saved is not None,
    )
    if saved is not None and inner:
        write_json(saved / INNER, [asdict(each) for each in inner])


def _finish(world: World, agent: Agent, note: Note) -> None:
    """Release all that `agent` holds still, all of which is saved, and move its record to the trash. It does not run
    any more."""
    saved = private_folder(trash_folder(world, agent))
    lease = agent.database
    if lease is not None and lease.keep:
        kept = read_state(saved / "agent.json", Agent.from_json)
        write_json(saved / "agent.json", kept.without_lease("database").to_json())
    part = Removal(agent.name, agent.trash)
    step = Steps(world.store).record(agent.step, f"removed {agent.name}", part)
    tree = agent.worktree
    leave = departure(world, agent) if tree else None
    is_out = leave is not None and leave.place is not None
    agent = release_all(world, agent, note, saved)
    if tree is not None and not tree.keep_branch:
        _tell_kept(world, agent, tree, note)
    retire(world, agent, saved)
    _tell_removed(agent, step, saved, note)
    is_later = going.delete_rests_soon(world.repo)
    _tell_rest(None if is_later else leave, agent, note)
    _tell_writer(leave, agent, note, is_out=is_out)


def _tell_kept(world: World, agent: Agent, lease: WorktreeLease, note: Note) -> None:
    """Say which of the agent's own branches are there although it is removed."""
    for branch in own_branches(lease):
        if tip := world.repo.commit(f"refs/heads/{branch}"):
            text = f"its branch {branch} stays: it is checked out elsewhere, or has commits that its last work lacks"
            world.note(Event(EventKind.BRANCH_KEPT, agent.name, text, {"branch": branch, "tip": tip}), note)


def _tell_rest(leave: going.Departure | None, agent: Agent, note: Note) -> None:
    """Say what lies there still of a worktree that is gone."""
    if leave is not None and leave.rest is not None:
        text = f"some files could not be deleted; they are in {leave.rest}"
        note(Event(EventKind.WARNING, agent.name, text, {"path": str(leave.rest)}))


def _tell_writer(leave: going.Departure | None, agent: Agent, note: Note, *, is_out: bool) -> None:
    """Say that something writes where the worktree was."""
    if leave is not None and is_out and leave.home.is_dir() and any(leave.home.iterdir()):
        text = f"something wrote to {leave.home} after it was removed; those files were left"
        note(Event(EventKind.WARNING, agent.name, text, {"path": str(leave.home)}))


def roll_back(world: World, agent: Agent, note: Note, *, keep_work: bool = True) -> bool:
    """Undo a start that was not completed; return whether nothing is left of it.

    Its log stays, and a snapshot if it held work and `keep_work` is wanted. Where its agent ran already and did that
    work, this is a removal, which an undo takes back.
    """
    agent = replace(agent, phase=Phase.RELEASING, trash=agent.trash or f"start-{time.time_ns()}")
    world.store.save(agent)
    if (pane := agent.pane) is not None:
        # A runner that has not begun yet would start the agent behind the snapshot's back.
        BY_KIND["pane"].release(world, agent, pane, None)
    end_runner(world, agent.name)
    identity.mend_head(world.repo.common, agent)
    worktree, found = agent.worktree, own_worktree(world, agent)
    # Half of a checkout looks like a person's deletions.
    is_half = found is not None and not found.is_complete
    if found is not None:
        _take_out(world, agent, None)
    # A set-up hook may have committed something, which is in no other place then.
    base = worktree.base_commit if worktree else None
    found_work = False
    for ref in _trash_refs(world, agent):
        snapshot = snapshots.load(world.repo, ref)
        if not keep_work or ((is_half or snapshot.is_clean) and snapshot.tip == base):
            snapshots.discard(world.repo, snapshot)
        else:
            found_work = True
    is_removal = found_work and not agent.landing and came_to_run(world, agent)
    if is_removal:
        _finish_as_removal(world, agent, note)
    else:
        agent = release_all(world, agent, note, None)
        forget_id(world, agent)
        world.store.delete_agent(agent.name)
    going.delete_rests_soon(world.repo)
    return not is_removal


def _finish_as_removal(world: World, agent: Agent, note: Note) -> None:
    saved = private_folder(trash_folder(world, agent))
    if not (saved / "agent.json").exists():
        kept = replace(agent, phase=Phase.HELD, trash="", step="")
        kept = kept.with_lease(adopted(world, agent, agent.pane)) if agent.pane else kept
        write_json(saved / "agent.json", kept.to_json())
    text = f"removed {agent.name}, whose start was interrupted"
    part = Removal(agent.name, agent.trash)
    step = Steps(world.store).record(f"removal {agent.name} {agent.trash}", text, part)
    agent = release_all(world, agent, note, saved)
    forget_id(world, agent)
    retire(world, replace(agent, id=""), saved)  # its id is free again
    _tell_removed(agent, step, saved, note)


def _tell_removed(agent: Agent, step: Step, saved: Path, note: Note) -> None:
    text = f"removed; “agentdeck undo --step {step.number}” restores it"
    note(Event(EventKind.AGENT_REMOVED, agent.name, text, {"trash": saved.name, "step": step.number}))


def run_teardown(world: World, agent: Agent, note: Note) -> None:
    """Run the tear-down hooks in the worktree, their output in the log. One that fails is told and stops nothing."""
    from agentdeck.engine.lifecycle.in_box import in_its_box

    hooks = world.settings.config.hooks
    folder = worktree_of(agent)
    if not identity.identity_of(world.repo.common, agent).is_usable:
        return
    pane = agent.pane
    is_known = pane is not None and pane.log and not leases.doubt(world, agent, pane)
    log = Path(pane.log) if pane and is_known else world.store.new_log(agent.name)
    for line in hooks.teardown:
        try:
            argv, environment = in_its_box(world, agent, ("/bin/sh", "-c", line))
            result = run(argv, cwd=folder, env=environment, timeout=hooks.timeout, group=True)
            output, failed = (result.out + result.err).decode("utf-8", "replace"), not result
        except DeckError as error:
            output, failed = str(error), True
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        for text in [f"# agentdeck: tear-down: {line}", *output.splitlines()]:
            append_line(log, f"{stamp} {text}")
        if failed:
            text = f"tear-down “{line}” failed; the removal continues"
            world.note(Event(EventKind.WARNING, agent.name, text, {"output": output[-2000:]}), note)


def retire(world: World, agent: Agent, saved: Path) -> None:
    """Move the agent's record, events and recording to the trash, and remember how it ended for its `--id`."""
    status = world.store.status(agent.name)
    if agent.id:
        write_json(
            world.store.id_path(agent.id),
            {"id": agent.id, "agent": agent.name, "final": status.to_json(), "task": agent.task},
        )
    world.store.agent_folder(agent.name).rename(saved / "record")


def forget_id(world: World, agent: Agent) -> None:
    if not agent.id:
        return
    known = world.store.read_id(agent.id)
    if known is not None and known["agent"] == agent.name:
        world.store.id_path(agent.id).unlink(missing_ok=True)
