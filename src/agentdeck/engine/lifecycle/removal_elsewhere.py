"""Remove an agent that is on another host, and bring it back.

Its work is fetched first and verified; then its host removes it, into a trash of its own; then its branch and its
record go here. Every step may be repeated: the host is told which start it is to remove, and says if that is gone.
"""

from __future__ import annotations

from contextlib import suppress

from agentdeck.core.agents.agent import Agent, Phase
from agentdeck.core.frozen import replace
from agentdeck.engine.fleet import looking
from agentdeck.engine.fleet.acts import is_all_here
from agentdeck.engine.fleet.hosts import Remote
from agentdeck.engine.fleet.mirror import Mirror
from agentdeck.engine.records.parts import BranchGone, Removal
from agentdeck.engine.records.steps import Steps
from agentdeck.engine.world import Note, World
from agentdeck.errors import RefusedError
from agentdeck.system.files.files import private_folder, write_json
from agentdeck.system.git.branches import branch_settings, delete_branch
from agentdeck.system.state.store import new_stamp

_REMOVE = 180.0


def remove(world: World, agent: Agent, note: Note, *, keep_branch: bool, keep_database: bool, step: str) -> Agent:
    """Do all of the removal but the last step, which is the record's. The caller holds its operation lock."""
    remote = None if is_all_here(world, agent) else Remote.of(world, agent.host)
    if agent.phase is not Phase.RELEASING:
        if remote is not None:
            looking.pull(world, agent, note)
        agent = _save(world, agent, step)
        lease = agent.worktree
        if keep_branch and lease is not None:
            agent = agent.with_lease(lease.changed(keep_branch=True))
        world.store.save(agent)
    if remote is not None:
        remote.call("remove", agent=agent.name, epoch=agent.epoch, keep_database=keep_database, timeout=_REMOVE)
    parts, lease = [Removal(agent.name, agent.trash)], agent.worktree
    gone = _branch(world, agent) if lease is not None and lease.create and not lease.keep_branch else None
    Steps(world.store).record(agent.step, f"removed {agent.name}", *parts, *([gone] if gone else []))
    if gone is not None:
        with suppress(RefusedError):  # it is checked out here, or moved on: then it is somebody's
            delete_branch(world.repo, gone.branch, gone.tip)
    for kind in ("tip", "live"):
        world.repo.run("update-ref", "-d", f"refs/agentdeck/{kind}/{agent.name}")
    return agent


def _save(world: World, agent: Agent, step: str) -> Agent:
    """Have a copy of its record in the trash; return it as one that is going."""
    stamp = new_stamp()
    saved = private_folder(world.store.trash / f"{agent.name}-{stamp}")
    write_json(saved / "agent.json", agent.to_json())
    key = step or f"removal {agent.name} {stamp}"
    return replace(agent, phase=Phase.RELEASING, trash=stamp, step=key)


def _branch(world: World, agent: Agent) -> BranchGone | None:
    """Its branch here as a part that can be undone; None where there is none."""
    lease = agent.worktree
    tip = world.repo.commit(f"refs/heads/{lease.branch}") if lease is not None and lease.branch else None
    if lease is None or tip is None:
        return None
    ref = f"refs/agentdeck/trash/branches/{agent.name}-{agent.trash}"
    world.repo.git("update-ref", ref, tip)
    return BranchGone(lease.branch, tip, ref, tuple(branch_settings(world.repo, lease.branch)))


def check_restore(world: World, agent: Agent) -> None:
    """Raise where its host can't bring it back now."""
    Remote.of(world, agent.host).call("ping")


def bring_back(world: World, agent: Agent) -> Agent:
    """Let its host bring it back; return it with what it holds there."""
    Remote.of(world, agent.host).call("undo", agent=agent.name, timeout=_REMOVE)
    # Its commits may be gone from here by now.
    replace(Mirror.read(world.store, agent.name), tip="", live="").write(world.store, agent.name)
    return replace(agent, leases=tuple(replace(lease, held=True) for lease in agent.leases))
