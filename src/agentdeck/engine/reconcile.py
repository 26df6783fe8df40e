"""Compare the store with what is really there, and take the next step. Safe to run at any time, by any number.

Starts that were cut short are rolled back, unless their agent runs already; removals that were cut short are finished;
agents whose runner is gone are told so.
"""

from __future__ import annotations

import time

from agentdeck.core.agents.agent import Agent, Fault, Phase, State, Status
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.engine.lifecycle.ending import came_to_run, mark_lost
from agentdeck.engine.lifecycle.moving import follow, follow_worktree, old_home
from agentdeck.engine.lifecycle.trouble import forget_trouble, is_news, is_recent
from agentdeck.engine.providers import gateways
from agentdeck.engine.records.running import dead_landings, undo_is_dead
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.heads import follow_all
from agentdeck.engine.world import Note, World
from agentdeck.errors import BusyError, DeckError, StoreError, UntrustedError
from agentdeck.system.git import bases, going


def repair(world: World, note: Note) -> None:
    """Bring the store and the machine together again after a crash; nothing to do costs next to nothing. What can't be
    repaired keeps nothing else from it; then the first error is raised."""
    failed: list[DeckError] = []
    steps = (
        _follow_move,
        _reconcile_all,
        _finish_landings,
        _finish_undo,
        _revive_gateway,
        _work_on_tasks,
        _delete_rests,
    )
    for step in steps:
        try:
            step(world, note)
        except UntrustedError:
            continue  # what it needs waits for a person, whom each verb tells
        except DeckError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _records(world: World) -> list[Agent]:
    return world.store.open().agents() if world.store.exists else []


def _follow_move(world: World, note: Note) -> None:
    agents = _records(world)
    if any(old_home(world, agent) for agent in agents):
        follow(world, agents, note)


def _reconcile_all(world: World, note: Note) -> None:
    agents = _records(world)
    follow_all(world, agents, note)
    reconcile(world, [agent for agent in agents if needs_repair(world, agent)], note)


def _finish_landings(world: World, note: Note) -> None:
    if _landing_is_cut_short(world):
        world.check_trust()
        from agentdeck.engine.landing import landed

        landed.finish_dead(world, note)


def _finish_undo(world: World, note: Note) -> None:
    if undo_is_dead(world.store):
        world.check_trust()
        from agentdeck.engine.history import undo

        undo.finish(world, note)


def _revive_gateway(world: World, note: Note) -> None:
    if gateways.is_missing() and world.store.exists:
        gateways.revive(world, note)


def _work_on_tasks(world: World, note: Note) -> None:
    if (world.store.folder / "tasks").is_dir():
        from agentdeck.engine.lifecycle import task_lists

        task_lists.repair(world, note)


def _delete_rests(world: World, note: Note) -> None:
    if going.has_rests(world.repo):
        going.delete_rests_soon(world.repo)


def needs_repair(world: World, agent: Agent) -> bool:
    """Whether `reconcile` has something to do for `agent`; costs a few lock tests and reads only."""
    if world.store.in_operation(agent.name) or agent.landing:
        return False
    if agent.host and agent.phase in (Phase.HELD, Phase.ACQUIRING):
        return False  # how it stands is for its host to say, and a look there asks for its receipt again
    if agent.phase is not Phase.HELD:
        return True
    return _is_lost(world, agent.name) or identity.moved_to(world.repo.common, agent) is not None


def _landing_is_cut_short(world: World) -> bool:
    """Whether a landing, a pull or the move of a branch was begun that nobody is at any more."""
    return bool(dead_landings(world.store)) or any(
        bases.left(world.repo.common, kind) for kind in (bases.MOVE, bases.STEP)
    )


def _is_lost(world: World, name: str) -> bool:
    """Whether its runner should live and does not; or its status can't be read, so that nobody knows."""
    try:
        status = world.store.status(name)
    except StoreError:
        return True
    return status.state.is_live and not world.lives(name)


def _mend_status(world: World, name: str, note: Note) -> None:
    """Write the status anew where it can't be read."""
    aside = world.store.set_damaged_status_aside(name)
    if aside is None:
        return
    now, pid = time.time(), world.store.runner_pid(name)
    lost = Status(State.FAILED, now, "its status could not be read, and its runner is gone", Fault.LOST, ended=now)
    alive = Status(State.WORKING, now, "its status could not be read; its runner is alive", runner_pid=pid)
    world.store.put_status(name, alive if world.lives(name) else lost)
    note(Event(EventKind.AGENT_REPAIRED, name, f"its status could not be read and was moved to {aside}"))


def reconcile(world: World, agents: list[Agent], note: Note) -> None:
    """Repair each of `agents` that needs it, one after the other; what another process is at work on is left to it.
    Where one can't be repaired, the others are first, then its error is raised: once, for `doctor` tells it from then
    on."""
    failed: list[DeckError] = []
    for agent in agents:
        if not needs_repair(world, agent) or is_recent(world.store, agent.name):
            continue
        try:
            with world.store.operation(agent.name):
                current = world.store.agent(agent.name)
                if current is not None:
                    _repair(world, current, note)
                    forget_trouble(world.store, agent.name)
        except (BusyError, UntrustedError):
            continue
        except DeckError as error:
            if is_news(world.store, agent.name, error):
                failed.append(error)
    if failed:
        raise failed[0]


def _repair(world: World, agent: Agent, note: Note) -> None:
    _mend_status(world, agent.name, note)
    if agent.phase not in (Phase.HELD, Phase.SAVING):
        world.check_trust()
    if agent.phase is Phase.SAVING:
        from agentdeck.engine.lifecycle import removal

        removal.give_up(world, agent)
        if _is_lost(world, agent.name):
            mark_lost(world, agent.name, "its removal stopped it and was interrupted")
        text = "its removal was interrupted before anything changed; it is as before"
        note(Event(EventKind.AGENT_REPAIRED, agent.name, text))
    elif agent.phase is Phase.RELEASING:
        from agentdeck.engine.lifecycle import removal

        if agent.trash.startswith("start-"):
            removal.roll_back(world, agent, note)
        else:
            removal.remove(world, agent, note)
            note(Event(EventKind.AGENT_REPAIRED, agent.name, "its removal was interrupted; it is finished now"))
    elif agent.phase is Phase.RESTORING:
        from agentdeck.engine.lifecycle import restoring

        restoring.go_on(world, agent, note)
    elif agent.phase is Phase.ACQUIRING:
        if agent.pane is not None and came_to_run(world, agent):
            _keep_start(world, agent, note)
        else:
            _undo_start(world, agent, note)
    else:
        follow_worktree(world, agent, note)
        if _is_lost(world, agent.name):
            mark_lost(world, agent.name)


def _keep_start(world: World, agent: Agent, note: Note) -> None:
    from agentdeck.engine.lifecycle.pane import adopted  # as much to load as all of this, and seldom needed

    pane = agent.pane
    if pane is not None:
        world.store.save(replace(agent.with_lease(adopted(world, agent, pane)), phase=Phase.HELD))
    is_lost = _is_lost(world, agent.name)
    if is_lost:
        mark_lost(world, agent.name)
    world.note(_interrupted(agent, _RESUME if is_lost else "it runs"), note)


_RESUME = "“agentdeck resume” starts it again"


def _interrupted(agent: Agent, end: str) -> Event:
    """What is said of a start that was cut short: where it was, and how that ended."""
    at = next((lease.kind for lease in agent.leases if not lease.held), "")
    return Event(EventKind.AGENT_REPAIRED, agent.name, f"its start was interrupted{at and f' at its {at}'}; {end}")


def _undo_start(world: World, agent: Agent, note: Note) -> None:
    from agentdeck.engine.lifecycle import removal

    if agent.runs > 1:
        # Only a further run was cut short: what the agent did before stays, and it can be resumed again.
        world.store.save(replace(agent, phase=Phase.HELD))
        if _is_lost(world, agent.name):
            mark_lost(world, agent.name, "its start was interrupted")
        world.note(_interrupted(agent, _RESUME), note)
        return
    removal.roll_back(world, agent, note)
    note(_interrupted(agent, "it was rolled back"))
