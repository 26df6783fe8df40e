"""End an agent's runner, and say of one whose runner is gone that it is."""

from __future__ import annotations

import signal
import time

from agentdeck.core.agents.agent import Agent, Fault, State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.engine import roster
from agentdeck.engine.lifecycle.survivors import end_leftovers, tell_survivors
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import Note, World
from agentdeck.errors import RefusedError
from agentdeck.system.machine.process import send_signal

_LAST_MOMENTS = 10.0


def stop(world: World, view: AgentView, note: Note) -> AgentView:
    """See Deck.stop."""
    left = end_runner(world, view.name)
    if world.store.status(view.name).state.is_live or (view.state is State.DONE and view.alive):
        status = replace(view.status, state=State.STOPPED, since=time.time(), reason="stopped", ended=time.time())
        world.store.set_status(view.name, status)
    view = roster.agent(world, view.name)
    text = "stopped" if view.state is State.STOPPED else f"is not running; it is {view.state}"
    note(Event(EventKind.AGENT_STOPPED, view.name, text))
    tell_survivors(world, view.agent, left, note)
    return view


def end_runner(world: World, name: str, patience: float | None = None) -> set[int]:
    """As `stop_runner`; then end the agent's processes that lost their guardian too. Return those that live on."""
    stop_runner(world, name, patience)
    return end_leftovers(world, name)


def stop_runner(world: World, name: str, patience: float | None = None) -> None:
    """Ask the runner to stop its agent, and wait until both are gone; kill the runner that does not answer, whose
    guardian ends the agent's processes."""
    config = world.patience
    wait = patience if patience is not None else config.grace_interrupt + config.grace_terminate + 5.0
    for sign in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + wait
        told = False
        while world.lives(name) and time.monotonic() < deadline:
            pid = world.store.runner_pid(name)
            if pid is not None and not told:
                send_signal(pid, sign)
                told = True
            time.sleep(0.02)
    if world.lives(name):
        raise RefusedError(f"The runner of {name} did not end, even after KILL.", hint="Check its window.")


def outlasts(world: World, name: str) -> bool:
    """Wait for a runner that has written down how its agent ended and is about to exit; say whether it has."""
    deadline = time.monotonic() + _LAST_MOMENTS
    while world.lives(name) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not world.lives(name)


def mark_lost(world: World, name: str, reason: str = "its runner was killed, or the machine shut down") -> None:
    end_leftovers(world, name)
    now = time.time()
    status = replace(
        world.store.status(name), state=State.FAILED, since=now, ended=now, reason=reason, fault=Fault.LOST
    )
    world.store.set_status(name, status)


def came_to_run(world: World, agent: Agent) -> bool:
    """Whether the runner of a start that was not completed began, so that its agent may have worked."""
    if world.lives(agent.name):
        return True
    # Of a first run, such a status was written by its runner, and the agent may have worked.
    status = world.store.status(agent.name)
    return agent.runs == 1 and (status.runner_pid is not None or not status.state.is_live)
