"""What is asked of a landing and of its gate, and the record of each landing: `<store>/landings/ID.json`, and
`ID.lock`, which is there while it runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from agentdeck.core.config.trust import Change
from agentdeck.core.frozen import asdict, dataclass, field, replace
from agentdeck.core.merging.conflicts import Conflict, Hunk
from agentdeck.engine.records.parts import BaseMove, WorkCommit, part_to_json
from agentdeck.engine.records.running import dead_landings, landings_folder
from agentdeck.errors import ExitCode, NotFoundError, StoreError
from agentdeck.system.files.files import is_locked, locked, private_folder, read_json, write_json
from agentdeck.system.git.merges import Method
from agentdeck.system.machine.process import never
from agentdeck.system.state.store import Store, new_stamp


class Stage(StrEnum):
    """How far one agent's landing has come."""

    QUEUED = "queued"
    MERGING = "merging"
    GATING = "gating"
    MOVING = "moving"
    LANDED = "landed"
    SET_ASIDE = "set aside"
    WOULD_LAND = "would land"
    """Of a dry run, which runs no gate."""
    INTERRUPTED = "interrupted"

    @property
    def is_end(self) -> bool:
        return self in (Stage.LANDED, Stage.SET_ASIDE, Stage.WOULD_LAND, Stage.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class LandRequest:
    """What a person asks for; what is None or empty is taken from the configuration or from the agent."""

    names: tuple[str, ...]
    method: Method | None = None
    into: str = ""
    """The branch to land on; empty: the one that the agent's branch was made from."""
    gate: tuple[str, ...] | None = None
    """Shell lines that must exit with 0; () for none."""
    remove: bool | None = None
    """Whether an agent is removed once it has landed."""
    dry_run: bool = False
    message: str = ""
    trailers: bool | None = None
    commit: str | None = None
    """The message to commit uncommitted work with, “” for one made from the task; None refuses such an agent."""
    stop: bool = False
    """Whether a running agent is stopped; else it refuses to land."""
    batch: bool = False
    """Whether one gate run is to do for all of them."""
    pull: bool = False
    push: bool = False
    hand_back: bool = False
    """Whether an agent whose work conflicts is asked to merge its base, and landed when it has."""
    resolve: Callable[[str], None] | None = None
    """Shows the window in which a person resolves a conflict, and returns when they have left it; None for no person.
    """
    confirm: Callable[[str, tuple[Change, ...]], bool] | None = None
    """Asks a person whether this agent's work may land, which changes what the repository's configuration runs, reaches
    or loosens; None for no person."""
    approved: str = ""
    """How it was approved, such as `terminal` or `dashboard`, for the record; empty: by a program."""
    cancelled: Callable[[], bool] = never
    """Asked now and then: whether what is not moved yet shall be left alone."""


@dataclass(frozen=True, slots=True)
class GateVerdict:
    passed: bool
    reason: str = ""
    """The command that failed and its exit code, or that it took too long; empty where all passed."""
    log: str = ""
    """Path of what it printed; empty where nothing ran."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Gate:
    """What to run, for whom."""

    landing: str
    agent: str
    base: str
    commands: Sequence[str]
    cancelled: Callable[[], bool] = never
    begun: Callable[[str], None] = lambda log: None
    """Told the log of a gate on another host once it runs."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One agent in the queue."""

    agent: str
    base: str = ""
    stage: Stage = Stage.QUEUED
    reason: str = ""
    """Why it was set aside, or moved nothing, in a sentence."""
    detail: str = ""
    hint: str = ""
    exit_code: ExitCode = ExitCode.OK
    conflicts: tuple[Conflict, ...] = ()
    tip: str = ""
    old: str = ""
    """The base's commit that it was put on top of."""
    new: str = ""
    """The base's commit with it."""
    commits: int = 0
    files: int = 0
    gate: str = ""
    """Path of the gate's log."""
    step: int = 0
    """The step that takes it back."""
    parts: tuple[WorkCommit, ...] = ()
    """What belongs to that step beside the move of the base."""
    repositories: tuple[str, ...] = ()
    """The repositories in its worktree that were left out."""

    @property
    def has_nothing_new(self) -> bool:
        """Whether the base has all of it without this landing, which moves nothing."""
        return self.stage in (Stage.LANDED, Stage.WOULD_LAND) and not self.new

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Entry:
        conflicts = tuple(
            Conflict(**{**each, "hunks": tuple(Hunk(**hunk) for hunk in each["hunks"])}) for each in data["conflicts"]
        )
        return cls(
            **{
                **data,
                "stage": Stage(data["stage"]),
                "exit_code": ExitCode(data["exit_code"]),
                "conflicts": conflicts,
                "parts": tuple(map(WorkCommit.from_json, data["parts"])),
                "repositories": tuple(data.get("repositories", ())),
            }
        )


@dataclass(frozen=True, slots=True)
class Landing:
    id: str
    at: float
    """When it began, in seconds since the epoch."""
    method: Method
    gate: tuple[str, ...] = ()
    remove: bool = False
    entries: tuple[Entry, ...] = ()
    move: BaseMove | None = None
    """The move of a base that is under way."""
    ended: float | None = None
    pushed: str = ""
    """What came of `--push`, as a sentence."""
    unpushed: str = ""
    """Why `--push` failed; what landed has landed all the same."""
    unpushed_detail: str = ""
    unpushed_hint: str = ""
    approved: str = ""
    """How it was approved."""
    overrides: tuple[str, ...] = ()
    """Which rules of the configuration it went past."""

    def entry(self, agent: str) -> Entry:
        return next(entry for entry in self.entries if entry.agent == agent)

    def with_entry(self, agent: str, **changed: Any) -> Landing:
        entries = tuple(replace(entry, **changed) if entry.agent == agent else entry for entry in self.entries)
        return replace(self, entries=entries)

    def to_json(self) -> dict[str, Any]:
        entries = [{**asdict(each), "parts": [part_to_json(part) for part in each.parts]} for each in self.entries]
        return {**asdict(self), "entries": entries, "move": self.move and part_to_json(self.move)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Landing:
        entries = tuple(Entry.from_json(entry) for entry in data["entries"])
        move = data["move"] and BaseMove.from_json(data["move"])
        method, gate = Method(data["method"]), tuple(data["gate"])
        data = {**data, "overrides": tuple(data.get("overrides", ()))}
        return cls(**{**data, "method": method, "gate": gate, "entries": entries, "move": move})


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person wants of a landing while it runs."""

    dropped: tuple[str, ...] = ()
    """Agents that shall not land."""
    order: tuple[str, ...] = ()
    """In which order those that wait shall land; others stay where they are, after these."""

    def sorted(self, names: Sequence[str]) -> list[str]:
        places = {name: at for at, name in enumerate(self.order)}
        return sorted(names, key=lambda name: places.get(name, len(places)))


@dataclass(frozen=True)
class Landings:
    store: Store
    _folder: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_folder", landings_folder(self.store))

    def all(self) -> list[Landing]:
        """Every landing that is still known, oldest first."""
        return [self._read(path) for path in sorted(self._folder.glob("*.json"))]

    def newest(self) -> Iterator[Landing]:
        """The newest first, read as they are asked for."""
        for path in sorted(self._folder.glob("*.json"), reverse=True):
            yield self._read(path)

    def get(self, landing_id: str) -> Landing:
        path = self._folder / f"{landing_id}.json"
        if not path.exists():
            raise NotFoundError(f"There is no landing {landing_id}.")
        return self._read(path)

    def save(self, landing: Landing) -> None:
        write_json(self._folder / f"{landing.id}.json", landing.to_json())

    @contextmanager
    def running(self, landing_id: str) -> Iterator[None]:
        """Be the process that carries this landing out; what it leaves undone when it dies, `dead` tells of."""
        path = private_folder(self._folder) / f"{landing_id}.lock"
        with locked(path, what=f"landing {landing_id}"):
            yield
            self._wishes(landing_id).unlink(missing_ok=True)
            path.unlink(missing_ok=True)

    def wishes(self, landing_id: str) -> Wishes:
        """What is wanted of a landing that runs; nothing where that can't be read."""
        try:
            data = read_json(self._wishes(landing_id))
            return Wishes(tuple(data["dropped"]), tuple(data["order"]))
        except (OSError, ValueError, TypeError, KeyError):
            return Wishes()

    def wish(self, landing_id: str, change: Callable[[Wishes], Wishes]) -> None:
        """Change what is wanted; one process at a time."""
        with locked(self._folder / "wishes.lock", wait=5, what="the landing queue"):
            write_json(self._wishes(landing_id), asdict(change(self.wishes(landing_id))))

    def _wishes(self, landing_id: str) -> Path:
        return self._folder / f"{landing_id}.wishes"

    def is_running(self, landing_id: str) -> bool:
        return is_locked(self._folder / f"{landing_id}.lock")

    def dead(self) -> list[str]:
        """The landings whose process ended before they did; costs a look into one folder."""
        return dead_landings(self.store)

    def _read(self, path: Path) -> Landing:
        try:
            return Landing.from_json(read_json(path))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"The landing in {path} can't be read.", detail=str(error), hint="Move it away."
            ) from error


def new_id() -> str:
    """Sorted by time, also within a second, and unlike any other."""
    return f"{new_stamp()}-{os.urandom(3).hex()}"
