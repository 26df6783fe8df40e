"""The record of each race: `<store>/races/ID.json`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import asdict, dataclass
from agentdeck.core.trials.race import Score
from agentdeck.errors import NotFoundError, StoreError
from agentdeck.system.files.files import locked, private_folder, read_json, write_json
from agentdeck.system.state.store import Store


@dataclass(frozen=True, slots=True)
class Racer:
    name: str
    profile: str
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a look at one racer found, and of which commits: the same are not tested again."""

    signs: tuple[str, ...]
    score: Score


@dataclass(frozen=True, slots=True)
class Race:
    id: str
    at: float
    task: str
    base: str
    commit: str
    """Where all racers begin."""
    racers: tuple[Racer, ...]
    metric: str = ""
    """The shell line whose last number is measured; empty: nothing is."""
    lower: bool = False
    """Whether the lower number is the better one."""
    judged: tuple[Judged, ...] = ()
    winner: str = ""
    """Who is landing, or has landed."""
    ended: bool = False
    """Whether the winner has landed and the others are removed."""
    run_id: str = ""
    """The caller's `--id`; the same id never starts twice."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(racer.name for racer in self.racers)

    def start_id(self, name: str) -> str:
        """The id under which that racer is started."""
        return f"race {self.id} {name}"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Race:
        racers = tuple(Racer(**each) for each in data["racers"])
        judged = tuple(Judged(tuple(each["signs"]), _score(each["score"])) for each in data["judged"])
        return cls(**{**data, "racers": racers, "judged": judged})


def _score(data: dict[str, Any]) -> Score:
    return Score(**{**data, "tests": tuple(data["tests"])})


@dataclass(frozen=True, slots=True)
class Standing:
    """A race as it stands."""

    race: Race
    places: tuple[tuple[int, Score], ...] = ()
    """The best first; equal ones share a place, and those that are out have place 0."""

    @property
    def best(self) -> list[str]:
        """Who is first; several where that is a tie."""
        return [score.name for place, score in self.places if place == 1]

    @property
    def running(self) -> list[str]:
        return [score.name for _, score in self.places if not score.ready]


class Races:
    def __init__(self, store: Store) -> None:
        self._folder = store.folder / "races"

    def all(self) -> list[Race]:
        """Every race, oldest first."""
        return [self._read(path) for path in sorted(self._folder.glob("*.json"))]

    def get(self, race_id: str) -> Race:
        """The race whose id, or one of whose racers, is called so; the latest of all for an empty one."""
        found = [race for race in self.all() if not race_id or race_id == race.id or race_id in race.names]
        if not found:
            what = f"no race {race_id}" if race_id else "no race yet"
            raise NotFoundError(f"There is {what} here.", hint='agentdeck run --race claude,codex "what to do"')
        return found[-1]

    def of(self, run_id: str) -> Race | None:
        return next((race for race in reversed(self.all()) if race.run_id == run_id), None)

    def save(self, race: Race) -> None:
        private_folder(self._folder)
        write_json(self._folder / f"{race.id}.json", asdict(race))

    @contextmanager
    def held(self, race_id: str) -> Iterator[None]:
        """Be the one that judges or settles this race."""
        with locked(private_folder(self._folder) / "races.lock", wait=2, what=f"race {race_id}"):
            yield

    def _read(self, path: Path) -> Race:
        try:
            return Race.from_json(read_json(path))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StoreError(f"The race in {path} can't be read.", detail=str(error), hint="Move it away.") from error
