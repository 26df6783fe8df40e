"""Remove an agent: everything it holds is saved first, then released in reverse order.

The steps, each harmless to repeat: stop the runner, run the user's tear-down hooks, snapshot the worktree, release the
resources, move the agent's record to the trash. A removal that was cut short is finished by the next verb.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentdeck.core.agent import Agent, Lease, Phase
from agentdeck.core.events import Event
from agentdeck.engine import identity, leases
from agentdeck.engine.heads import follow, own_branches
from agentdeck.engine.resources import end_runner, release_all, resource_variables, worktree_of
from agentdeck.engine.steps import Steps
from agentdeck.engine.survivors import tell_survivors
from agentdeck.engine.world import Note, World
from agentdeck.errors import DeckError
from agentdeck.system import snapshots
from agentdeck.system.files import append_line, private_folder, read_json, write_json
from agentdeck.system.process import run
from agentdeck.system.store import Store


def trash_folder(world: World, agent: Agent) -> Path:
    return world.store.trash / f"{agent.name}-{agent.trash}"


def trash_ref(agent: Agent) -> str:
    return f"refs/agentdeck/trash/{agent.name}/{agent.trash}"


def saved_snapshot(world: World, agent: Agent) -> snapshots.Snapshot | None:
    """The snapshot that this removal took, or None where there was no worktree to take one of."""
    if not agent.trash or world.repo.commit(trash_ref(agent)) is None:
        return None
    return snapshots.load(world.repo, trash_ref(agent))


def remove(world: World, agent: Agent, note: Note, *, keep_branch: bool = False, step: str = "") -> None:
    """Remove `agent`, or go on with the removal that was cut short. The caller holds its operation lock.

    The removal is a part of the step with the key `step`, or a step by itself.
    """
    if agent.phase is not Phase.RELEASING:
        lease = agent.lease("worktree")
        if lease is not None and keep_branch:
            agent = agent.with_lease(replace(lease, data={**lease.data, "keep_branch": True}))
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f"{time.time_ns() % 1_000_000_000:09d}"
        agent = replace(agent, phase=Phase.RELEASING, trash=stamp, step=step or f"removal {agent.name} {stamp}")
        world.store.save(agent)
    end_runner(world, agent.name)
    tell_survivors(world, agent, note)
    if agent.lease("env file"):
        run_teardown(world, agent, note)
    agent = follow(world, agent, note)
    take_snapshot(world, agent, note)
    saved = private_folder(trash_folder(world, agent))
    if not (saved / "agent.json").exists():
        # One that was cut short has let go of some leases already, which an undo is to bring back.
        write_json(saved / "agent.json", agent.to_json())
    lease = agent.lease("worktree")
    agent = release_all(world, agent, note, saved)
    if lease is not None and not lease.data.get("keep_branch"):
        tell_kept(world, agent, lease, note)
    retire(world, agent, note, saved)


def tell_kept(world: World, agent: Agent, lease: Lease, note: Note) -> None:
    """Say which of the agent's own branches are there although it is removed."""
    for branch in own_branches(lease):
        if tip := world.repo.commit(f"refs/heads/{branch}"):
            text = f"its branch {branch} stays: it is checked out elsewhere, or has commits that its last work has not"
            world.note(Event("branch.kept", agent.name, text, {"branch": branch, "tip": tip}), note)


def roll_back(world: World, agent: Agent, note: Note, *, keep_work: bool = True) -> None:
    """Undo a start that never came to a running agent. Nothing stays but its log, and a snapshot if it held work and
    `keep_work` is wanted."""
    agent = replace(agent, phase=Phase.RELEASING, trash=agent.trash or f"start-{time.time_ns()}")
    world.store.save(agent)
    end_runner(world, agent.name)
    take_snapshot(world, agent, note)
    snapshot, worktree = saved_snapshot(world, agent), agent.lease("worktree")
    found = identity.record_of(world, agent)
    # Half of a checkout looks like a person's deletions.
    is_clean = snapshot is not None and (snapshot.is_clean or (found is not None and not found.is_complete))
    agent = release_all(world, agent, note, None)
    # A set-up hook may have committed something, which is in no other place then.
    base = worktree.data["base_commit"] if worktree else None
    if snapshot is not None and (not keep_work or (is_clean and snapshot.tip == base)):
        snapshots.discard(world.repo, snapshot)
    forget_id(world, agent)
    world.store.delete_agent(agent.name)


def take_snapshot(world: World, agent: Agent, note: Note) -> None:
    """Write what the worktree holds to the trash; again, where it has changed since an earlier try did. A gate's is
    none of it."""
    lease = agent.lease("worktree")
    if lease is None or agent.is_gate:
        return
    found = identity.record_of(world, agent)
    if found is None:
        return
    snapshots.take(
        world.repo,
        found.git_dir,
        trash_ref(agent),
        message=f"agentdeck: {agent.name} before its removal",
        ignored=world.settings.config.trash.ignored,
        branches=own_branches(lease),
    )
    world.note(Event("snapshot.taken", agent.name, f"saved as {trash_ref(agent)}", {"ref": trash_ref(agent)}), note)


def run_teardown(world: World, agent: Agent, note: Note) -> None:
    """Run the tear-down hooks in the worktree, their output in the log. One that fails is told and stops nothing."""
    hooks = world.settings.config.hooks
    folder = worktree_of(agent)
    if not identity.identity_of(world.repo.common, agent).is_usable:
        return
    pane = agent.lease("pane")
    is_known = pane is not None and pane.data.get("log") and not leases.doubt(world, agent, pane)
    log = Path(pane.data["log"]) if pane and is_known else world.store.new_log(agent.name)
    for line in hooks.teardown:
        try:
            result = run(
                ["/bin/sh", "-c", line], cwd=folder, env=resource_variables(world, agent), timeout=hooks.timeout
            )
            output, failed = (result.out + result.err).decode("utf-8", "replace"), not result
        except DeckError as error:
            output, failed = str(error), True
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        for text in [f"# agentdeck: tear-down: {line}", *output.splitlines()]:
            append_line(log, f"{stamp} {text}")
        if failed:
            text = f"tear-down “{line}” failed; the removal goes on"
            world.note(Event("warning", agent.name, text, {"output": output[-2000:]}), note)


def retire(world: World, agent: Agent, note: Note, saved: Path) -> None:
    """Move the agent's record, events and recording to the trash, and remember how it ended for its `--id`."""
    status = world.store.status(agent.name)
    if agent.id:
        write_json(
            world.store.id_path(agent.id),
            {"id": agent.id, "agent": agent.name, "final": status.to_json(), "task": agent.task},
        )
    part = {"kind": "removal", "agent": agent.name, "trash": agent.trash}
    key = agent.step or f"removal {agent.name} {agent.trash}"
    step = Steps(world.store).record(key, f"removed {agent.name}", part)
    text = f"removed; “agentdeck undo --step {step.number}” brings it back"
    note(Event("agent.removed", agent.name, text, {"trash": saved.name, "step": step.number}))
    world.store.agent_folder(agent.name).rename(saved / "record")


def keep_database(store: Store, agent: str, plan: dict[str, Any]) -> None:
    """Remember a database that is left without its agent, so that `prune` can offer it."""
    folder = private_folder(store.folder / "databases")
    write_json(folder / f"{agent}-{time.time_ns()}.json", {"agent": agent, "plan": plan})


def is_kept(store: Store, plan: dict[str, Any]) -> bool:
    """Whether a database is remembered as one that was left without its agent."""
    plans = (read_json(path)["plan"] for path in (store.folder / "databases").glob("*.json"))
    return any(is_same_database(kept, plan) for kept in plans)


def is_same_database(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two plans are of one database. `half` is a name that each plan has for itself, for a while."""
    return {**one, "half": ""} == {**other, "half": ""}


def forget_id(world: World, agent: Agent) -> None:
    if not agent.id:
        return
    known = world.store.read_id(agent.id)
    if known is not None and known["agent"] == agent.name:
        world.store.id_path(agent.id).unlink(missing_ok=True)
