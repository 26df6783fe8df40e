"""The deck's state on disk, under `<git common dir>/agentdeck/`.

    deck.json                  the format's number and the deck's id
    deck.lock                  held while names and ids are handed out
    runs.log                   one line each at START and at OK, FAIL or TIMEOUT of every run
    agents/NAME/agent.json     what the engine knows (core.agent.Agent)
    agents/NAME/status.json    how it fares (core.agent.Status)
    agents/NAME/operation.lock held by the process that starts or removes it
    agents/NAME/runner.lock    held by its runner and its guardian for as long as either lives
    agents/NAME/orders.json    what its runner was told (core.orders.Orders)
    agents/NAME/activity.json  what it does and has taken (core.transcripts.activity)
    agents/NAME/scope          the folder of its last run's cgroup, where it has one
    agents/NAME/events.jsonl   what happened (core.events.Event)
    agents/NAME/session.cast   the recording, asciicast v2
    agents/NAME/comments.json  comments on its changes that it was not given yet
    agents/NAME/messages/      what waits to be told to it (system.state.messages)
    agents/NAME/inbox/         reports from the agent CLI's own hooks and from the gateway
    agents/NAME/mirror.json    what is here of an agent that is on another host (engine.fleet.mirror)
    agents/NAME/order.json     the order by which such an agent was started (core.fleet.orders)
    agents/NAME/trouble.json   why it can't be repaired, as it was told
    ids/HASH                   the agent that a `--id` belongs to
    logs/NAME-TIME.log         the time-stamped log of a run; stays when the agent is removed
    logs/NAME-TIME.usage       what each request of that run took, one line of JSON each
    going/                     files of removed worktrees, until they are deleted
    trash/                     records and dumps of removed agents

Standard library only, and the light part of that: `agentdeck ls` and the runner load it at every start.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.agent import Agent, State, Status, check_name, is_name
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.text.hashes import sha256
from agentdeck.core.text.patterns import late
from agentdeck.errors import StoreError
from agentdeck.system.files.files import (
    Kept,
    append_line,
    delete,
    from_json,
    is_locked,
    lock_holder,
    locked,
    private_folder,
    read_json,
    set_aside,
    sign,
    text_of,
    write_json,
)
from agentdeck.system.state.messages import MessageQueue

if TYPE_CHECKING:
    from agentdeck.core.transcripts.activity import Activity

FORMAT = 1
"""The number of the layout above. A store with a higher one is refused, never rewritten."""
_ID = late("[0-9a-f]{8}")
PULL = "pull.json"
ACTIVITY = "activity.json"
MIRROR = "mirror.json"
START_NOW = "start-now"
"""The file in an agent's folder by which a person lets it begin without waiting for room."""
ASKING = "asking"
"""The folder in an agent's own with a FIFO for each hook that waits for an answer."""


NETWORK_LOG = "network.jsonl"
"""The file in an agent's folder with what its box's proxy connected to and refused; with `.1` what came before."""


def usage_file(log: Path) -> Path:
    """The file beside the log of a run with what each request of it took, as its CLI's transcript says."""
    return log.with_suffix(".usage")


def new_id() -> str:
    return os.urandom(4).hex()


def new_stamp() -> str:
    """The time in UTC, to the nanosecond: names that begin with it sort by when they were made."""
    second, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(second))}{rest:09d}"


class Store:
    """One deck's folder. Reading is free of locks: every file is replaced whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._folders: dict[str, Path] = {}
        self._records, self._statuses = Kept[Agent](), Kept[Status]()

    def open(self) -> Store:
        """Make the store where there is none; raise StoreError where it is damaged or of a newer agentdeck."""
        head = self.folder / "deck.json"
        self._check_no_links()
        if not head.exists():
            private_folder(self.folder)
            with locked(self.folder / "deck.lock", wait=10, what="this deck"):
                if not head.exists():
                    write_json(head, {"format": FORMAT, "id": self._old_id() or new_id(), "created": time.time()})
        number = self._read(head).get("format")
        if not isinstance(number, int):
            raise self._damaged(head, f"its format is {number!r}")
        if number > FORMAT:
            raise StoreError(
                f"A newer agentdeck (format {number}, this one knows {FORMAT}) wrote {self.folder}.",
                hint="Upgrade agentdeck; nothing was changed.",
            )
        return self

    def _check_no_links(self) -> None:
        """Raise StoreError where a link lies in the place of one of our folders: what it leads to is not ours to delete
        in."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.is_symlink():
                    raise self._damaged(Path(entry.path), f"it is a link to {os.path.realpath(entry.path)}")

    @property
    def exists(self) -> bool:
        return (self.folder / "deck.json").exists() or bool(self.names())

    @property
    def deck_id(self) -> str:
        """Eight hex digits, unlike any other deck's; part of session, database and socket names."""
        head = self.folder / "deck.json"
        known = self._read(head).get("id")
        if not isinstance(known, str) or not _ID.fullmatch(known):
            raise self._damaged(head, f"its id is {known!r}")
        return known

    @property
    def deck_name(self) -> str:
        """The name that was given to the deck; “” where it follows from its folder."""
        return str(self._read(self.folder / "deck.json").get("name", ""))

    def name_deck(self, name: str) -> None:
        """Give the deck a name that stays, whatever its folder is called; the first one does."""
        head = self.folder / "deck.json"
        with locked(self.folder / "deck.lock", wait=30, what="this deck"):
            data = self._read(head)
            if not data.get("name"):
                write_json(head, {**data, "name": name})

    def _old_id(self) -> str:
        """The id of a deck that lost its `deck.json`, as the agents' tmux sessions still tell it; else “”."""
        for name in self.names():
            with contextlib.suppress(StoreError):
                agent = self.agent(name)
                pane = agent.pane if agent else None
                known = str(pane.session).rpartition("-")[2] if pane else ""
                if _ID.fullmatch(known):
                    return known
        return ""

    @property
    def runs_log(self) -> Path:
        return self.folder / "runs.log"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def trash(self) -> Path:
        return self.folder / "trash"

    def agent_folder(self, name: str) -> Path:
        known = self._folders.get(name)
        if known is None:
            known = self._folders[name] = self.folder / "agents" / check_name(name)
        return known

    def names(self) -> list[str]:
        """All agents' names in alphabetical order; [] if there is no deck."""
        with contextlib.suppress(OSError), os.scandir(self.folder / "agents") as entries:
            return sorted(
                entry.name
                for entry in entries
                if is_name(entry.name) and not entry.is_symlink() and os.access(f"{entry.path}/agent.json", os.F_OK)
            )
        return []

    def agent(self, name: str) -> Agent | None:
        path = self.agent_folder(name) / "agent.json"
        with contextlib.suppress(FileNotFoundError):
            agent = self._records.read(path, self._agent_in)
            if agent.name != name:
                raise self._damaged(path, f"it is the record of “{agent.name}”")
            return agent
        return None

    def _agent_in(self, path: Path) -> Agent:
        data = self._read(path)
        try:
            return Agent.from_json(data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._damaged(path, error) from error

    def agents(self) -> list[Agent]:
        """Every agent whose record can be read, in alphabetical order."""
        found = []
        for name in self.names():
            with contextlib.suppress(StoreError):
                found.append(self.agent(name))
        return [agent for agent in found if agent is not None]

    def record_time(self, name: str) -> float:
        """When the agent's record was written, in epoch seconds; 0 where it is gone."""
        with contextlib.suppress(OSError):
            return (self.agent_folder(name) / "agent.json").stat().st_mtime
        return 0.0

    def save(self, agent: Agent) -> None:
        private_folder(self.agent_folder(agent.name))
        write_json(self.agent_folder(agent.name) / "agent.json", agent.to_json())

    def delete_agent(self, name: str) -> None:
        """Take an agent's folder away, its record first, so that a crash leaves nothing that looks like an agent."""
        import shutil

        folder = self.agent_folder(name)
        (folder / "agent.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def clear_unborn(self) -> None:
        """Take away the folders of starts that were killed before they had written their record. The caller holds the
        lock of `naming`, under which every record is first written."""
        with contextlib.suppress(OSError):
            for folder in (self.folder / "agents").iterdir():
                if is_name(folder.name) and not (folder / "agent.json").exists():
                    delete(folder)

    def status(self, name: str) -> Status:
        path = self.agent_folder(name) / "status.json"
        with contextlib.suppress(FileNotFoundError):
            return self._statuses.read(path, self._status_in)
        return Status(State.STARTING, since=time.time())

    def _status_in(self, path: Path) -> Status:
        data = self._read(path)
        try:
            return Status.from_json(data)
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(path, error) from error

    def set_damaged_status_aside(self, name: str) -> Path | None:
        """Move a `status.json` that can't be read out of the way, so that it can be written anew, and return where to.
        What it said is derived: the runner, or a look at the machine, says it again."""
        path = self.agent_folder(name) / "status.json"
        with locked(self.agent_folder(name) / "status.lock", wait=5, what=name):
            try:
                self.status(name)
            except StoreError:
                return set_aside(path)
        return None

    def set_status(self, name: str, status: Status) -> bool:
        """Write `status` unless the transition table forbids it, or it is of a turn whose work has landed since; say
        whether it was written."""
        with locked(self.agent_folder(name) / "status.lock", wait=5, what=name):
            old = self.status(name)
            if not old.state.may_become(status.state) or (old.state is State.LANDED and status.since < old.since):
                return False
            self._write_status(name, status)
        return True

    def put_status(self, name: str, status: Status) -> None:
        """Write `status` whatever it was before: for an agent that is brought back to where it stood."""
        with locked(self.agent_folder(name) / "status.lock", wait=5, what=name):
            self._write_status(name, status)

    def _write_status(self, name: str, status: Status) -> None:
        old = self.status(name)
        if (old.state, old.reason) != (status.state, status.reason):
            # Before the status, so that who sees that an agent has ended finds every event of it.
            self.append(_state_changed(name, old, status))
        write_json(self.agent_folder(name) / "status.json", status.to_json())

    def append(self, event: Event) -> None:
        append_line(self.agent_folder(event.agent) / "events.jsonl", json.dumps(event.to_json(), ensure_ascii=False))

    def events(self, name: str) -> list[Event]:
        with contextlib.suppress(OSError):
            lines = text_of(self.agent_folder(name) / "events.jsonl").split("\n")
            found = (_event(line) for line in lines if line)
            return [event for event in found if event is not None]
        return []

    def copy_status(self, name: str, status: Status) -> None:
        """Write what the host of an agent says of it, with the events that tell of it."""
        with locked(self.agent_folder(name) / "status.lock", wait=5, what=name):
            write_json(self.agent_folder(name) / "status.json", status.to_json(), durable=False)

    def runner_lives(self, name: str) -> bool:
        """Whether it lives; of an agent on another host, whether it did when that was last asked."""
        return self.runs_here(name) or self.ran_there(name)

    def runs_here(self, name: str) -> bool:
        return is_locked(f"{self.agent_folder(name)}/runner.lock")  # for every agent of every list

    def ran_there(self, name: str) -> bool:
        """Whether its host said so when that was last asked."""
        try:
            return read_json(self.agent_folder(name) / MIRROR)["alive"] is True
        except (OSError, ValueError, TypeError, KeyError):
            return False

    def runner_sign(self, name: str) -> tuple[int, ...]:
        """Another one once another runner has taken the agent's lock. A look at the lock itself would be in its way."""
        return sign(self.agent_folder(name) / "runner.lock")

    def runner_pid(self, name: str) -> int | None:
        return lock_holder(self.agent_folder(name) / "runner.lock")

    def inbox(self, name: str) -> Path:
        """Where reports (core.reports) for the agent's runner are put; see system.state.inbox."""
        return self.agent_folder(name) / "inbox"

    def report(self, name: str, payload: dict[str, Any]) -> None:
        """Put a report into the inbox of the agent's runner, and wake it; nothing where it has none."""
        from agentdeck.system.state.inbox import put_report

        put_report(self.inbox(name), payload)

    def wake_runner(self, name: str) -> None:
        from agentdeck.system.state.inbox import wake_reader

        wake_reader(self.inbox(name))

    def let_start_now(self, name: str, *, wanted: bool = True) -> None:
        """Let the agent begin without waiting for room, the one that waits or its next start; or not, after all."""
        mark = self.agent_folder(name) / START_NOW
        mark.touch() if wanted else mark.unlink(missing_ok=True)
        self.wake_runner(name)

    def in_operation(self, name: str) -> bool:
        """Whether another process is starting or removing this agent now."""
        return is_locked(self.agent_folder(name) / "operation.lock")

    @contextlib.contextmanager
    def operation(self, name: str, *, wait: float = 0.0) -> Iterator[None]:
        with locked(self.agent_folder(name) / "operation.lock", wait=wait, what=f"agent {name}"):
            yield

    @contextlib.contextmanager
    def naming(self) -> Iterator[None]:
        """Hold the lock under which names and ids are handed out."""
        with locked(self.folder / "deck.lock", wait=30, what="this deck"):
            yield

    def id_path(self, run_id: str) -> Path:
        return self.folder / "ids" / sha256(run_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def new_log(self, name: str) -> Path:
        """A path for the log of a run that starts now, unlike any other."""
        folder = private_folder(self.logs)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        return folder / f"{name}-{stamp}-{os.urandom(2).hex()}.log"

    def activity(self, name: str) -> Activity | None:
        """What the agent does and has taken, from its CLI's own transcript; None where that is not known."""
        from agentdeck.core.transcripts.activity import Activity

        try:
            return Activity.from_json(read_json(self.agent_folder(name) / ACTIVITY)["activity"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def messages(self, name: str) -> MessageQueue:
        """The messages that wait for the agent."""
        return MessageQueue(self.agent_folder(name))

    def orders(self, name: str) -> dict[str, Any]:
        """What the agent's last runner was told (core.orders.Orders)."""
        path = self.agent_folder(name) / "orders.json"
        try:
            return self._read(path)
        except FileNotFoundError as error:
            raise self._damaged(path, "it is gone") from error

    def write_id(self, run_id: str, agent: str) -> None:
        """From now on the `--id` is that agent's."""
        private_folder(self.folder / "ids")
        write_json(self.id_path(run_id), {"id": run_id, "agent": agent})

    def read_id(self, run_id: str) -> dict[str, Any] | None:
        """What is known of a `--id`; None for one that was never used."""
        path = self.id_path(run_id)
        try:
            data = self._read(path)
        except FileNotFoundError:
            return None
        if not isinstance(data.get("agent"), str):
            raise self._damaged(path, "it names no agent")
        return data

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            data = read_json(path)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise self._damaged(path, error) from error
        if not isinstance(data, dict):
            raise self._damaged(path, "not an object")
        return data

    def _damaged(self, path: Path, why: object) -> StoreError:
        return StoreError(
            f"The deck's state in {path} can't be read.",
            detail=str(why),
            hint="Nothing was changed. Move that file away and run “agentdeck doctor”; your branches are safe.",
        )


def _event(line: str) -> Event | None:
    """None for a line that a machine that went down, or a full disk, left unfinished."""
    try:
        return Event.from_json(from_json(line))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _state_changed(name: str, old: Status, new: Status) -> Event:
    data: dict[str, Any] = {"from": old.state, "to": new.state, "fault": new.fault}
    if new.exit_code is not None:
        data["exit_code"] = new.exit_code
    text = f"{new.state}: {new.reason}" if new.reason else str(new.state)
    return Event(EventKind.STATE_CHANGED, name, text, data, new.since)
