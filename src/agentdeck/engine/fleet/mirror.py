"""What home keeps of an agent that is elsewhere: a copy of what its host says, in the places where an agent's own files
are, so that whatever reads them need not know.

    agents/NAME/mirror.json   how much of the host's files is here, and which commits

The host is believed for how its agents fare, and for nothing else: not which agents there are, nor where home's files
lie. Everything here can be lost, and comes again with the next look.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent, Fault, State, Status
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.leases import Lease
from agentdeck.core.frozen import asdict, dataclass, field, replace
from agentdeck.core.text.text import plain
from agentdeck.core.transcripts.activity import Activity
from agentdeck.engine.world import Note, World
from agentdeck.errors import UnreachableError
from agentdeck.system.files.files import append_line, from_json, read_json, write_json
from agentdeck.system.state.store import ACTIVITY, MIRROR, Store, usage_file

_SKEW = 30.0
"""Seconds by which a host's clock may be wrong before its times are corrected."""
_NEWS = 15.0
"""Seconds in which what happened on a host is worth telling to who looks now."""


@dataclass(frozen=True, slots=True)
class Mirror:
    alive: bool = False
    """Whether its runner lived when the host was last asked."""
    status: dict[str, Any] = field(default_factory=dict)
    """As the host told it last."""
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Of each kind of file, its path on the host and how many bytes of it are here."""
    log: str = ""
    """Where the copy of its log lies."""
    worktree: str = ""
    """On the host."""
    ports: tuple[int, ...] = ()
    tip: str = ""
    """The last commit of its branch that home has."""
    live: str = ""
    """The commit of all that its worktree had then."""
    pulled: float = 0.0
    """When these were fetched, in seconds since the epoch."""
    pulled_since: float = 0.0
    """The `since` of its status then: a host's clock may be wrong, so no time of it is compared with one of ours."""

    @classmethod
    def read(cls, store: Store, name: str) -> Mirror:
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            data = read_json(store.agent_folder(name) / MIRROR)
            data["places"] = {kind: (str(path), int(size)) for kind, (path, size) in data["places"].items()}
            data["ports"] = tuple(data["ports"])
            return cls(**data)
        return cls()

    def write(self, store: Store, name: str) -> None:
        path = store.agent_folder(name) / MIRROR
        if path.parent.is_dir():
            write_json(path, asdict(self), durable=False)


def asked(mirror: Mirror) -> dict[str, tuple[str, int]]:
    """What the host is told that home has already."""
    return dict(mirror.places)


def apply(world: World, agent: Agent, before: Mirror, told: Any, note: Note) -> bool:
    """Let home's copy, which is `before`, follow what the host told; return whether there is more of its files to
    fetch. Raise UnreachableError where it told nonsense."""
    if told is None:
        _missing(world, agent)
        return False
    try:
        if told["epoch"] != agent.epoch:
            _missing(world, agent)
            return False
        status = replace(Status.from_json(told["status"]), runner_pid=None, agent_pid=None)
        activity = None if told["activity"] is None else Activity.from_json(told["activity"]).to_json()
        agent, mirror, more = _files(world, agent, before, told["files"], note)
        mirror = replace(
            mirror,
            alive=told["alive"] is True,
            worktree=plain(str(told["worktree"])),
            ports=tuple(int(port) for port in told["ports"]),
        )
        runs = int(told["runs"])
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise UnreachableError(
            f"{agent.host} says of {agent.name} what can't be: {error!r:.200}.",
            hint=f"agentdeck hosts check {agent.host}",
        ) from error
    if activity is not None:
        write_json(world.store.agent_folder(agent.name) / ACTIVITY, {"activity": activity}, durable=False)
    if runs != agent.runs:
        world.store.save(replace(agent, runs=runs))
    mirror = _status(world, agent, mirror, status, told.get("clock"))
    if mirror != before:
        mirror.write(world.store, agent.name)
    return more


def _status(world: World, agent: Agent, mirror: Mirror, status: Status, clock: object) -> Mirror:
    """Write the status down; that it landed is for home to say, and holds until the agent does something more. `clock`
    is the time on the host."""
    told, now = status.to_json(), world.store.status(agent.name)
    if not status.state.is_live and moving(world.store, agent.name).exists():
        return mirror
    if now.state is State.LANDED and mirror.status == _plain(told):
        return mirror
    if now != (status := _by_our_clock(status, clock)):
        world.store.copy_status(agent.name, status)
    return replace(mirror, status=_plain(told))


def _by_our_clock(status: Status, clock: object) -> Status:
    """The status with the times that it would have if the host's clock went as ours."""
    ahead = clock - time.time() if isinstance(clock, int | float) and 0 < clock < 1 << 40 else 0.0
    if abs(ahead) < _SKEW:
        return status
    ahead = round(ahead / _SKEW) * _SKEW  # else each look would find other times
    started, ended = (each and each - ahead for each in (status.started, status.ended))
    return replace(status, since=status.since - ahead, started=started, ended=ended)


def moving(store: Store, name: str) -> Path:
    """What is there while the agent moves to another host; see fleet.draining."""
    return store.agent_folder(name) / "moving"


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    """As it comes back from a file."""
    found: dict[str, Any] = from_json(json.dumps(told))
    return found


def _missing(world: World, agent: Agent) -> None:
    """The host has no such agent: somebody removed it there, or it lost its disk."""
    status, now = world.store.status(agent.name), time.time()
    replace(Mirror.read(world.store, agent.name), alive=False).write(world.store, agent.name)
    if status.state.is_live:
        reason = f"{agent.host} no longer has it"
        lost = replace(status, state=State.FAILED, since=now, ended=now, reason=reason, fault=Fault.LOST)
        world.store.set_status(agent.name, lost)


def _files(
    world: World, agent: Agent, mirror: Mirror, files: Mapping[str, Any], note: Note
) -> tuple[Agent, Mirror, bool]:
    places, more = dict(mirror.places), False
    for kind in ("log", "usage", "events"):
        if (part := files.get(kind)) is None:
            continue
        path, offset, data = str(part["path"]), int(part["offset"]), base64.b64decode(part["data"], validate=True)
        known = places.get(kind, ("", 0))
        if offset not in (0, known[1] if known[0] == path else 0):
            raise ValueError(f"its {kind} begins at {offset}")
        if kind == "events":
            data = data[: data.rfind(b"\n") + 1]
            _add_events(world, agent, data, note)
        else:
            if kind == "log" and known[0] != path:
                log = world.store.new_log(agent.name)
                mirror = replace(mirror, log=str(log))
                agent = agent.with_lease(_pane(agent, log))
                world.store.save(agent)
            if mirror.log:
                _put(Path(mirror.log) if kind == "log" else usage_file(Path(mirror.log)), offset, data)
        places[kind] = (path, offset + len(data))
        more = more or (part["more"] is True and bool(data))
    return agent, replace(mirror, places=places), more


def add_log(world: World, name: str, told: Mapping[str, Any]) -> None:
    """Add what the host pushed of the agent's log. What does not go on where the copy ends is left to the next look.
    Raise KeyError, TypeError or ValueError where it told nonsense."""
    mirror = Mirror.read(world.store, name)
    path, size = mirror.places.get("log", ("", 0))
    offset, data = int(told["offset"]), base64.b64decode(told["data"], validate=True)
    if mirror.log and told["path"] == path and offset <= size < offset + len(data):
        _put(Path(mirror.log), size, data[size - offset :])
        replace(mirror, places={**mirror.places, "log": (path, offset + len(data))}).write(world.store, name)


def _pane(agent: Agent, log: Path) -> Lease:
    return Lease("pane", True, {"session": "", "window": agent.name, "log": str(log)})


def _put(path: Path, offset: int, data: bytes) -> None:
    """Twice the same is once."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if os.fstat(descriptor).st_size > offset:
            os.ftruncate(descriptor, offset)
        os.pwrite(descriptor, data, offset)
    finally:
        os.close(descriptor)


def _add_events(world: World, agent: Agent, data: bytes, note: Note) -> None:
    """Add those that are not here yet, as events of this agent."""
    lines = [line for line in data.split(b"\n") if line]
    if not lines:
        return
    path = world.store.agent_folder(agent.name) / "events.jsonl"
    known = set(path.read_bytes().split(b"\n")) if path.exists() else set()
    for line in lines:
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            event = replace(Event.from_json(from_json(line)), agent=agent.name)
            text = json.dumps(event.to_json(), ensure_ascii=False)
            if event.kind != EventKind.AGENT_CREATED and text.encode("utf-8", "surrogateescape") not in known:
                append_line(path, text)
                if abs(time.time() - event.at) < _NEWS:
                    note(event)
