"""Run the gate of a landing on another host: `[landing] on`.

The host's own deck makes the worktree and all else that a gate has here, and keeps nothing of it. What it prints comes
into a log here as it is printed. Of a landing that was killed, the next gate on that host removes what is left.
"""

from __future__ import annotations

import base64
import binascii
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.fleet.placement import Needs
from agentdeck.core.text.text import plain
from agentdeck.engine.fleet.hosts import Remote
from agentdeck.engine.fleet.placing import placed
from agentdeck.engine.fleet.sending import check_travels, check_whole, send_commits
from agentdeck.engine.fleet.starting import config_of
from agentdeck.engine.records.landings import Gate, GateVerdict, Landings
from agentdeck.engine.world import Note, World
from agentdeck.errors import DeckError, UnreachableError

_MAKE = 300.0
_LOOK = 0.5
_PATIENCE = 60.0
"""Seconds for which a host may be unreachable while its gate runs."""


def run_on(world: World, on: str, gate: Gate, box: str, commit: str, note: Note) -> GateVerdict:
    """Run the commands on `commit` on that host, or on the one that `any` gives. Raise UnreachableError where it does
    not answer: then nobody knows what became of it."""
    begun = time.time()
    check_whole(world)
    with placed(on, Needs(), note=note) as place:
        host = place.host  # a gate counts for no agent
    remote = Remote.of(world, host)
    check_travels(world, remote, commit)
    tip = world.repo.commit(f"refs/heads/{gate.base}") or commit
    send_commits(world, remote, [commit, tip])
    log = world.store.new_log(f"gate-{gate.agent}"[:40])
    name = _begin(world, remote, gate, box, commit, tip)
    text = f"running its gate on {host}: {'; '.join(gate.commands)}"
    world.note(Event(EventKind.LANDING_GATE, gate.agent, text, {"gate": name, "commit": commit}), note)
    log.touch(0o600)
    gate.begun(str(log))
    try:
        return _wait(world, remote, gate, name, log, begun)
    finally:
        with suppress(DeckError):  # else the next gate there removes it
            remote.call("end_gate", agent=name, timeout=_MAKE)


def _begin(world: World, remote: Remote, gate: Gate, box: str, commit: str, tip: str) -> str:
    landings = Landings(world.store)
    name = remote.call(
        "gate",
        agent=gate.agent,
        landing=gate.landing,
        base=gate.base,
        base_commit=tip,
        commit=commit,
        commands=list(gate.commands),
        box=box,
        config=config_of(world),
        approved=world.is_trusted,
        running=[each.id for each in landings.all() if landings.is_running(each.id)],
        timeout=_MAKE,
    )
    return str(name)


def _wait(world: World, remote: Remote, gate: Gate, name: str, log: Path, begun: float) -> GateVerdict:
    host, limit = remote.spec.name, world.settings.config.landing.timeout
    heard, pause = time.monotonic(), threading.Event()
    while not gate.cancelled():
        try:
            told = remote.call("gate_state", agent=name, offset=log.stat().st_size)
            is_over = _take(told, log, host)
        except UnreachableError:
            if time.monotonic() - heard > _PATIENCE:
                raise
            is_over = False
        else:
            heard = time.monotonic()
            if is_over and not told["more"]:
                reason = plain(str(told["reason"]))
                return GateVerdict(told["passed"] is True, reason, str(log), time.time() - begun)
        if time.time() - begun > limit + _PATIENCE:
            return GateVerdict(False, f"it did not finish within {limit:g} s", str(log), time.time() - begun)
        if not is_over:
            pause.wait(_LOOK)
    return GateVerdict(False, "it was cancelled", str(log), time.time() - begun)


def _take(told: Any, log: Path, host: str) -> bool:
    """Add to the log what is new; return whether the gate is over. Raise UnreachableError where that is nonsense."""
    try:
        with log.open("ab") as file:
            file.write(base64.b64decode(told["data"], validate=True))
        return told["over"] is True and isinstance(told["passed"], bool) and isinstance(told["more"], bool)
    except (KeyError, TypeError, binascii.Error) as error:
        raise UnreachableError(f"{host} says of its gate what can't be: {error!r:.200}.") from error
