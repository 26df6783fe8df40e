"""Run the gate: the commands that must pass before a base branch moves.

The gate is an agent of the landing's own: it has the same resources (a worktree at the commit to test, ports, a
database, a tmux window with a runner and a log), can be watched and attached to, and is removed when it has ended.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from agentdeck.core.agents.agent import COMMAND, Agent, Fault, Mode, Phase, State, unique_name
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.engine.lifecycle import removal
from agentdeck.engine.lifecycle.ending import end_runner
from agentdeck.engine.lifecycle.stack import BY_KIND, acquire_all
from agentdeck.engine.records.landings import Gate, GateVerdict
from agentdeck.engine.worktrees import identity
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import DeckError
from agentdeck.system.files.watch import ticks
from agentdeck.system.git.worktrees import refill
from agentdeck.system.machine.interrupts import uninterrupted
from agentdeck.system.state.logs import read_log

_KEPT = ("worktree", "ports")
"""What the next gate of the same landing goes on with."""
_FAILED = "gate failed: "
_SCRIPT = f"""
for line in "$@"; do
    printf '$ %s\\n' "$line"
    /bin/sh -c "$line" || {{ code=$?; printf '{_FAILED}%s (exit %s)\\n' "$line" "$code"; exit "$code"; }}
done
"""


class Gates:
    """The gates of one landing, one after the other in one worktree, made for the first and removed by `close`.

    Each has everything else anew: files as in its commit and no others, a database, temporary files, hooks, a window.
    """

    def __init__(self, world: World, note: Note, on: str = "") -> None:
        """`on` is the host to run them on, or `any`; empty: this machine."""
        self._world, self._note, self._on = world, note, on
        self._last: Gate | None = None
        self._name = ""
        """The agent of the last gate."""

    def run(self, gate: Gate, commit: str) -> GateVerdict:
        """Run the commands on `commit`, each after the other, up to the first that fails."""
        begun, world = time.time(), self._world
        if self._on not in ("", "here"):
            from agentdeck.engine.landing.gate_elsewhere import run_on

            return run_on(world, self._on, gate, _box(world, gate), commit, self._note)
        try:
            agent = self._ready(gate, commit)
            shown = "; ".join(gate.commands)
            text = f"running its gate: {shown} (agentdeck logs -f {agent.name})"
            world.note(
                Event(EventKind.LANDING_GATE, gate.agent, text, {"gate": agent.name, "commit": commit}), self._note
            )
            _wait(world, agent.name, gate.cancelled)
            if gate.cancelled():
                self.close()  # what runs there ends now, and not with the next gate
                return GateVerdict(False, "it was cancelled", _log(agent), time.time() - begun)
            verdict = verdict_of(world, agent)
        except BaseException:
            self.close()
            raise
        return replace(verdict, seconds=time.time() - begun)

    def begin(self, gate: Gate, box: str, commit: str) -> str:
        """Start it for a home, which asks how it stands and ends it; return the name of its agent."""
        world = self._world
        with world.store.naming():
            agent = replace(_agent(world, gate, commit), box=box)
            world.store.save(agent)
        with world.store.operation(agent.name, wait=5):
            try:
                world.store.save(replace(acquire_all(world, agent, silent), phase=Phase.HELD))
            except BaseException:
                removal.roll_back(world, world.store.agent(agent.name) or agent, silent, keep_work=False)
                raise
        return agent.name

    def close(self) -> None:
        """Remove what the gates had; nothing where none ran."""
        if self._last is not None and self._name:
            with self._world.repo.one_look(), uninterrupted():
                _end_or_leave(self._world, self._last, self._name, self._note)
        self._name = ""

    def _ready(self, gate: Gate, commit: str) -> Agent:
        """The agent of the gate, at work."""
        world, self._last = self._world, gate
        agent = None
        if self._name:
            with contextlib.suppress(DeckError):  # a new one is made
                agent = self._cleaned(gate, commit)
        if agent is None:
            self.close()
            # An interrupt finds it either not there or known here, to be removed.
            with world.store.naming(), uninterrupted():
                agent = _agent(world, gate, commit)
                world.store.save(agent)
                self._name = agent.name
        with world.store.operation(agent.name, wait=5):
            agent = replace(acquire_all(world, agent, silent), phase=Phase.HELD)
            world.store.save(agent)
        return agent

    def _cleaned(self, gate: Gate, commit: str) -> Agent | None:
        """The agent of the last gate with its worktree as a new one of `commit` would be, and nothing but that and its
        ports; None where only a new one would surely be so."""
        world = self._world
        with world.store.operation(self._name, wait=10):
            agent = world.store.agent(self._name)
            if agent is None or agent.worktree is None or agent.phase is not Phase.HELD:
                return None
            end_runner(world, agent.name)
            if agent.env_file:
                removal.run_teardown(world, agent, silent)
            worktree = identity.record_of(world, agent)
            if worktree is None or not refill(world.repo, worktree, agent.base_commit, commit):
                return None
            new = replace(_agent(world, gate, commit), name=agent.name, leases=agent.leases)
            for lease in reversed(agent.leases):
                if lease.kind not in _KEPT:
                    BY_KIND[lease.kind].release(world, agent, lease, None)
                    new = new.without_lease(lease.kind)
            new = new.with_lease(agent.worktree.changed(held=False, base_commit=commit))
            world.store.save(new)
            return new


def verdict_of(world: World, agent: Agent) -> GateVerdict:
    """What a gate found that has ended."""
    status, log = world.store.status(agent.name), _log(agent)
    if status.state is State.DONE:
        return GateVerdict(True, "", log)
    limit = f"it did not finish within {agent.timeout:g} s" if status.fault is Fault.TIMED_OUT else ""
    killed = "it was killed" if status.state.is_live else status.reason
    return GateVerdict(False, limit or _failed_command(log) or killed, log)


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
