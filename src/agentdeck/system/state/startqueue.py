"""The queue of this user's agents on this machine: who is at work, who waits for room, in the order in which they came.

Each run has a file in one folder, locked by its runner for as long as that lives; a file that nobody locks is nobody's.
The names of those that wait and of those that were let in differ by their ends, and begin with the time. Standard
library only, for the runner.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from agentdeck.core.agents.admission import Admission, Lack, Obstacle, Waiting, holds_back, shortage
from agentdeck.core.agents.agent import Status
from agentdeck.errors import DeckError
from agentdeck.system.files.files import is_locked, locked, private_folder, read_json, state_home, take_lock, write_json
from agentdeck.system.machine.capacity import room

_WAITS, _WORKS = ".waits", ".works"
_FRESH = 10.0
"""Seconds in which an agent that was let in does not use the memory yet that it will use."""


def folder() -> Path:
    return state_home() / "starts"


class Place:
    """Of one run in the queue; gone when the process ends that made it."""

    def __init__(self, rules: Admission, agent: str, deck: str, agent_folder: str, worktree: str) -> None:
        """Raise OSError or DeckError where there can be no queue."""
        self._rules, self._worktree = rules, worktree
        self._folder = private_folder(Path(rules.queue))
        self._facts = {"agent": agent, "deck": deck, "folder": agent_folder, "since": time.time()}
        self._told = Obstacle(Lack.TURN, "")
        with self._deciding():
            self._path = self._folder / f"{time.time_ns():020d}-{os.getpid()}{_WAITS}"
            self._lock = take_lock(self._path)
        self._note(self._told)

    def admit(self, *, now: bool = False) -> Obstacle | None:
        """Let it in where there is room and its turn; else why not. With `now` there is always room."""
        with self._deciding():
            found = None if now else self._obstacle()
            if found is None:
                path = self._path.with_suffix(_WORKS)
                os.rename(self._path, path)  # noqa: PTH104
                self._path = path
            elif found != self._told:
                self._note(found)
        return found

    def leave(self) -> None:
        for path in (self._path, _facts_of(self._path)):
            path.unlink(missing_ok=True)
        os.close(self._lock)

    def _note(self, found: Obstacle) -> None:
        self._told = found
        write_json(_facts_of(self._path), {**self._facts, "lack": found.lack, "text": found.text}, durable=False)

    def _obstacle(self) -> Obstacle | None:
        entries = sorted(os.listdir(self._folder))  # noqa: PTH208
        ahead = [name for name in entries if name.endswith(_WAITS) and name < self._path.name]
        works = [self._folder / name for name in entries if name.endswith(_WORKS)]
        there, found = room(self._worktree), None
        if (
            shortage(self._rules, there, len(works), len(works)) is not None
        ):  # as if all were at work, and had just begun
            found = shortage(self._rules, there, *_counted(works))
        if found is not None and found.lack.is_own:
            return found
        before = [each for name in ahead if (each := _waiting(self._folder / name)) is not None]
        if holds_back(self._rules, [Lack(each.lack) for each in before]):
            return Obstacle(Lack.TURN, f"{found.text if found else 'waits for its turn'} ({len(before)} before it)")
        return found

    def _deciding(self) -> contextlib.AbstractContextManager[None]:
        return locked(self._folder / "lock", wait=5.0)


def waiting(place: Path) -> list[Waiting]:
    """Those that wait, in their order."""
    names = sorted(os.listdir(place)) if place.is_dir() else []  # noqa: PTH208
    found = (_waiting(place / name) for name in names if name.endswith(_WAITS))
    return [each for each in found if each is not None]


def _waiting(path: Path) -> Waiting | None:
    """None where it has been let in, or is gone."""
    if not _is_there(path):
        return None
    with contextlib.suppress(OSError, ValueError, TypeError, DeckError):
        return Waiting(**read_json(_facts_of(path)))
    return None


def _counted(works: list[Path]) -> tuple[int, int]:
    """How many are at work, and how many of them have begun lately."""
    begun = list(_beginnings(works))
    lately = time.time() - _FRESH
    return len(begun), sum(since > lately for since in begun)


def _beginnings(works: list[Path]) -> Iterator[float]:
    """When each of those was let in that is at work, and not only at its prompt."""
    for path in works:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, DeckError):
            if not _is_there(path):
                continue
            since = path.stat().st_ctime
            status = Status.from_json(read_json(Path(read_json(_facts_of(path))["folder"]) / "status.json"))
            if status.state.is_live:
                yield since


def _is_there(path: Path) -> bool:
    """Whether its runner lives; what one has left that was killed is taken away."""
    if is_locked(path):
        return True
    if path.exists():  # else it was let in just now
        for each in (path, _facts_of(path)):
            each.unlink(missing_ok=True)
    return False


def _facts_of(path: Path) -> Path:
    return path.with_suffix(".json")
