"""What became of each schedule's slots, and which repositories have schedules: files of the user's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import asdict, dataclass
from agentdeck.core.text.hashes import sha256
from agentdeck.system.files.files import locked, private_folder, read_json, state_home, write_json


@dataclass(frozen=True, slots=True)
class Handled:
    """The last slot of one schedule of which something became. Times are epoch seconds."""

    slot: float
    act: str = ""
    agent: str = ""
    text: str = ""
    at: float = 0.0
    told: str = ""
    """What was told of a slot that stays due."""
    due: float = 0.0
    """Which one that is."""


class ScheduleState:
    """Of one repository, by its folder."""

    def __init__(self, root: Path) -> None:
        folder = state_home() / "schedules"
        self._path = folder / f"{sha256(str(root).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.json"
        self._root = str(root)

    @contextmanager
    def held(self) -> Iterator[None]:
        """One tick at a time."""
        with locked(private_folder(self._path.parent) / f"{self._path.stem}.lock", what="this repository's schedules"):
            yield

    @property
    def installed(self) -> float | None:
        """Since when its schedules run; None where they don't."""
        return self._read().get("installed")

    def install(self) -> None:
        data = self._read()
        self._write({**data, "installed": data.get("installed") or time.time()})

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

    def handled(self, name: str) -> Handled | None:
        with suppress(KeyError, TypeError):
            return Handled(**self._read()["schedules"][name])
        return None

    def handle(self, name: str, handled: Handled) -> None:
        data = self._read()
        self._write({**data, "schedules": {**data.get("schedules", {}), name: asdict(handled)}})

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            data = read_json(self._path)
            return data if isinstance(data, dict) else {}
        return {}

    def _write(self, data: dict[str, Any]) -> None:
        private_folder(self._path.parent)
        write_json(self._path, {**data, "root": self._root})


def scheduled_roots() -> list[Path]:
    """The repositories whose schedules run, in the order of their names."""
    found = []
    for path in (state_home() / "schedules").glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            data = read_json(path)
            if data.get("installed"):
                found.append(Path(data["root"]))
    return sorted(found)
