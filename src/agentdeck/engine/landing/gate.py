"""Run the gate: the commands that must pass before a base branch moves.

The gate is an agent of the landing's own: it has the same resources (a worktree at the commit to test, ports, a
database, a tmux window with a runner and a log), can be watched and attached to, and is removed when it has ended.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from agentdeck.core.agents.agent import Agent, Fault, Mode, Phase, State, unique_name
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.lifecycle import removal
from agentdeck.engine.lifecycle.ending import end_runner
from agentdeck.engine.lifecycle.stack import acquire_all
from agentdeck.engine.profiles.chain import COMMAND
from agentdeck.engine.records.landings import Gate, GateVerdict
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import DeckError
from agentdeck.system.files.watch import ticks
from agentdeck.system.machine.interrupts import uninterrupted
from agentdeck.system.state.logs import read_log

_FAILED = "gate failed: "
_SCRIPT = f"""
for line in "$@"; do
    printf '$ %s\\n' "$line"
    /bin/sh -c "$line" || {{ code=$?; printf '{_FAILED}%s (exit %s)\\n' "$line" "$code"; exit "$code"; }}
done
"""


def run_gate(world: World, gate: Gate, commit: str, note: Note) -> GateVerdict:
    """Run the commands on `commit`, each after the other, up to the first that fails."""
    begun = time.time()
    agent: Agent | None = None
    try:
        # An interrupt finds it either not there or known here, to be removed.
        with world.store.naming(), uninterrupted():
            made = _agent(world, gate, commit)
            world.store.save(made)
            agent = made
        with world.store.operation(agent.name, wait=5):
            agent = replace(acquire_all(world, agent, silent), phase=Phase.HELD)
            world.store.save(agent)
        shown = "; ".join(gate.commands)
        text = f"running its gate: {shown} (agentdeck logs -f {agent.name})"
        world.note(Event(EventKind.LANDING_GATE, gate.agent, text, {"gate": agent.name, "commit": commit}), note)
        _wait(world, agent.name, gate.cancelled)
        if gate.cancelled():
            return GateVerdict(False, "it was cancelled", _log(agent), time.time() - begun)
        status, log = world.store.status(agent.name), _log(agent)
        if status.state is State.DONE:
            return GateVerdict(True, "", log, time.time() - begun)
        limit = f"it did not finish within {agent.timeout:g} s" if status.fault is Fault.TIMED_OUT else ""
        killed = "it was killed" if status.state.is_live else status.reason
        return GateVerdict(False, limit or _failed_command(log) or killed, log, time.time() - begun)
    finally:
        if agent is not None:
            with uninterrupted():
                _end_or_leave(world, gate, agent.name, note)


def _end_or_leave(world: World, gate: Gate, name: str, note: Note) -> None:
    """Remove the gate; what keeps it there says nothing about what it found, and is left to `prune`."""
    try:
        end_gate(world, name)
    except DeckError as error:
        text = f"{name} could not be removed; “agentdeck prune” tries again: {error.title}"
        note(Event(EventKind.WARNING, gate.agent, text, {"detail": error.detail}))


def end_gate(world: World, name: str, *, keep_work: bool = False) -> None:
    """Remove the agent of a gate, or of another window of a landing; with `keep_work` its worktree is saved first."""
    with world.store.operation(name, wait=10):
        agent = world.store.agent(name)
        if agent is None:
            return
        if agent.env_file and agent.phase is not Phase.RELEASING:
            end_runner(world, name)
            removal.run_teardown(world, agent, silent)
        removal.roll_back(world, agent, silent, keep_work=keep_work)


def _agent(world: World, gate: Gate, commit: str) -> Agent:
    return Agent(
        name=unique_name(f"gate-{gate.agent}"[:40].rstrip("-"), world.store.names()),
        task=f"Gate of {gate.agent}",
        profile=COMMAND,
        mode=Mode.HEADLESS,
        created=time.time(),
        argv=("/bin/sh", "-c", _SCRIPT, "gate", *gate.commands),
        base=gate.base,
        base_commit=commit,
        timeout=world.settings.config.landing.timeout,
        env={"AGENTDECK_GATE": gate.agent, "AGENTDECK_BASE": gate.base},
        landing=gate.landing,
        runs=1,
        box=_box(world, gate),
    )


def _box(world: World, gate: Gate) -> str:
    """The mode of its box: it runs what the agent wrote."""
    agent, mode = world.store.agent(gate.agent), world.settings.config.box.mode
    return mode if mode != "off" else agent.box if agent else ""


def _wait(world: World, name: str, cancelled: Callable[[], bool]) -> None:
    for _ in ticks(world.store.agent_folder(name)):
        if cancelled() or not (world.store.status(name).state.is_live and world.lives(name)):
            return


def running_logs(world: World, landing: str) -> list[str]:
    """The logs of the gates that run now for that landing."""
    agents = [world.store.agent(name) for name in world.store.names() if name.startswith("gate-")]
    return [log for agent in agents if agent is not None and agent.landing == landing and (log := _log(agent))]


def _log(agent: Agent) -> str:
    lease = agent.pane
    return lease.log if lease else ""


def _failed_command(log: str) -> str:
    lines = [line.text for line in read_log(Path(log))] if log else []
    return next((line.removeprefix(_FAILED) for line in reversed(lines) if line.startswith(_FAILED)), "")


def last_lines(logs: Sequence[str], count: int) -> list[str]:
    lines = (line.text for path in logs for line in read_log(Path(path)))
    return list(deque(lines, count))
