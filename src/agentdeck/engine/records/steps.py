"""What was done and can be undone: one file a step, `<store>/steps/NUMBER.json`.

A step is a list of parts, each one thing that happened to the repository or the deck, written down once it had. What a
crash interrupted is finished by the repair of the next verb, which adds its part under the same key.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import asdict, dataclass, replace
from agentdeck.engine.records.parts import Part, part_of, part_to_json
from agentdeck.errors import NotFoundError, StoreError
from agentdeck.system.files.files import locked, private_folder, read_json, write_json
from agentdeck.system.state.store import Store


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    key: str
    """The same thing recorded again, after a crash, has the same key."""
    at: float
    text: str
    """What was done, as a sentence for a person."""
    parts: tuple[Part, ...] = ()
    undone: int = 0
    """The step that took it back; 0 where none did."""
    undoes: int = 0
    """The step that this one took back; 0 for one that a person did."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Step:
        return cls(**{**data, "parts": tuple(map(part_of, data["parts"]))})


class Steps:
    def __init__(self, store: Store) -> None:
        self._folder = store.folder / "steps"

    def all(self) -> list[Step]:
        """Every step that can still be looked up, oldest first."""
        if not self._folder.is_dir():
            return []
        return [self._read(path) for path in sorted(self._folder.glob("*.json"))]

    def get(self, number: int) -> Step:
        path = self._path(number)
        if not path.exists():
            raise NotFoundError(f"There is no step {number}.", hint="“agentdeck undo --list” shows them.")
        return self._read(path)

    def latest(self) -> Step:
        """What plain `undo` takes back: the last step that is neither taken back nor itself a taking back."""
        for step in reversed(self.all()):
            if not step.undone and not step.undoes:
                return step
        raise NotFoundError("There is nothing to undo.", hint="“agentdeck undo --list” lists the steps.")

    def record(self, key: str, text: str, *parts: Part, undoes: int = 0) -> Step:
        """Write down that `parts` happened; those that the step of this key has already are not added again. A step
        that gets more parts says so: “landed fix on main, removed fix”."""
        with self._alone():
            known = next((step for step in reversed(self.all()) if step.key == key), None)
            if known is None:
                number = 1 + max((int(path.stem) for path in self._folder.glob("*.json")), default=0)
                known = Step(number, key, time.time(), text, undoes=undoes)
            more = [part for part in parts if part not in known.parts]
            if more and not known.undoes and text not in known.text:
                known = replace(known, text=f"{known.text}, {text}")
            known = replace(known, parts=(*known.parts, *more))
            self._write(known)
            return known

    def mark_undone(self, number: int, by: int) -> None:
        with self._alone():
            self._write(replace(self.get(number), undone=by))

    def retitle(self, number: int, text: str) -> Step:
        with self._alone():
            step = replace(self.get(number), text=text)
            self._write(step)
            return step

    def keep_parts(self, number: int, parts: Sequence[Part]) -> None:
        """Leave only those of its parts in a step that could not be taken back."""
        with self._alone():
            self._write(replace(self.get(number), parts=tuple(parts)))

    def forget(self, number: int) -> None:
        """Take a step away whose trash has expired."""
        self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:05d}.json"

    def _write(self, step: Step) -> None:
        write_json(self._path(step.number), {**asdict(step), "parts": [part_to_json(part) for part in step.parts]})

    def _read(self, path: Path) -> Step:
        try:
            return Step.from_json(read_json(path))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StoreError(f"The step in {path} can't be read.", detail=str(error), hint="Move it away.") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with locked(private_folder(self._folder) / "steps.lock", wait=30, what="the list of steps"):
            yield
