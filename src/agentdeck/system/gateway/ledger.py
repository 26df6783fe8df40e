"""What each request cost in tokens and time, one row a request, in an SQLite file."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from agentdeck.core.frozen import asdict, dataclass, field, fields
from agentdeck.core.providers.token_usage import Usage
from agentdeck.errors import StoreError
from agentdeck.system.files.files import from_json, private_folder

FILE = "ledger.sqlite3"

Outcome = Literal["ok", "error", "broken", "exhausted", "cancelled"]
"""`error`: passed through as the caller's; `broken`: the stream ended half-way; `cancelled`: the client went away."""


@dataclass(slots=True)
class LedgerRecord:
    """One request. `at` is seconds since the epoch, `first_byte` and `seconds` count from its arrival."""

    at: float
    deck: str
    agent: str
    tier: str
    api: str
    asked: str
    """The model that the agent named."""
    provider: str = ""
    """Who served it; empty where nobody did."""
    model: str = ""
    outcome: Outcome = "cancelled"
    status: int = 0
    usage: Usage = field(default_factory=Usage)
    first_byte: float | None = None
    seconds: float = 0.0
    attempts: int = 0
    faults: list[str] = field(default_factory=list)
    """One a failed attempt: `provider:model: reason`."""
    cost: float | None = None
    """In US dollars; None where nobody knows the price, or nobody served."""
    first: str = ""
    """The first of its tier then, where another one served: `provider:model`."""
    first_cost: float | None = None
    """What that one would have cost; None where nobody knows."""


_COLUMNS = (
    "at REAL, deck TEXT, agent TEXT, tier TEXT, api TEXT, asked TEXT, provider TEXT, model TEXT, outcome TEXT, "
    "status INTEGER, input INTEGER, output INTEGER, cache_read INTEGER, cache_write INTEGER, first_byte REAL, "
    "seconds REAL, attempts INTEGER, faults TEXT, cost REAL, first TEXT, first_cost REAL"
)
_ADDED = ("cost REAL", "first TEXT", "first_cost REAL")
"""Columns that a ledger of an earlier version may lack."""
_GROUPS = ("deck", "agent", "tier", "api", "asked", "provider", "model", "outcome", "day")


class Ledger:
    """The file `ledger.sqlite3` of the folder `state`. One process writes; any number may read meanwhile.

    StoreError where the file can't be opened or is not a ledger.
    """

    def __init__(self, state: Path, *, writes: bool = False) -> None:
        """`writes`: this is the process that adds requests. A reader leaves an old ledger as its writer knows it."""
        import sqlite3  # its library is loaded by what has a ledger only

        path = self._path = private_folder(state) / FILE
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
            self._db.execute("PRAGMA journal_mode=WAL")
            # A row lost to a power cut is not worth a disk flush a request.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(f"CREATE TABLE IF NOT EXISTS requests (id INTEGER PRIMARY KEY, {_COLUMNS})")
            there = [row[1] for row in self._db.execute("PRAGMA table_info(requests)")]
            for column in _ADDED if writes else ():
                if column.split()[0] not in there:
                    self._db.execute(f"ALTER TABLE requests ADD COLUMN {column}")
            self._db.execute("CREATE INDEX IF NOT EXISTS requests_at ON requests (at)")
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"The gateway's ledger {path} can't be opened.", detail=str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def add(self, record: LedgerRecord) -> None:
        """Raise StoreError where the row can't be written."""
        import sqlite3

        values: dict[str, Any] = {}
        for column in fields(record):
            value = getattr(record, column.name)
            if isinstance(value, Usage):
                values |= asdict(value)
            else:
                values[column.name] = json.dumps(value) if column.name == "faults" else value
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        try:
            self._db.execute(f"INSERT INTO requests ({names}) VALUES ({marks})", [*values.values()])  # noqa: S608 ours
        except sqlite3.Error as error:
            raise StoreError(f"The gateway's ledger {self._path} can't be written.", detail=str(error)) from error

    def forget(self, before: float) -> None:
        """Take away the requests that came before that time. StoreError where they can't be."""
        import sqlite3

        try:
            self._db.execute("DELETE FROM requests WHERE at < ?", (before,))
        except sqlite3.Error as error:
            raise StoreError(f"The gateway's ledger {self._path} can't be written.", detail=str(error)) from error

    def records(self, since: float = 0.0) -> Iterator[LedgerRecord]:
        """All requests that came at or after `since`, oldest first."""
        names = [column.name for column in fields(LedgerRecord)][:10]
        for row in self._db.execute("SELECT * FROM requests WHERE at >= ? ORDER BY at, id", (since,)):
            values = dict(zip(names, row[1:11], strict=True))
            first_byte, seconds, attempts, faults, cost, first, first_cost = (*row[15:], *[None] * len(_ADDED))[:7]
            yield LedgerRecord(
                **values,
                usage=Usage(*row[11:15]),
                first_byte=first_byte,
                seconds=seconds,
                attempts=attempts,
                faults=from_json(faults),
                cost=cost,
                first=first or "",
                first_cost=first_cost,
            )

    def times(self, deck: str) -> dict[str, list[float]]:
        """When the requests of each agent of `deck` came, in order."""
        found = defaultdict[str, list[float]](list)
        for agent, at in self._db.execute("SELECT agent, at FROM requests WHERE deck = ? ORDER BY at, id", (deck,)):
            found[agent].append(at)
        return found

    def totals(self, by: Sequence[str] = (), since: float = 0.0) -> list[dict[str, Any]]:
        """Sums for each value of the columns `by` (`day` is the local date): requests, tokens, seconds, attempts, cost,
        and the time of the `first`.

        `unpriced` counts the requests whose price nobody knows.

        ValueError for a column that can't be grouped by.
        """
        if unknown := set(by) - set(_GROUPS):
            raise ValueError(f"{', '.join(sorted(unknown))}: not one of {', '.join(_GROUPS)}")
        names = [f"date(at, 'unixepoch', 'localtime') AS {name}" if name == "day" else name for name in by]
        sums = [f"sum({name}) AS {name}" for name in ("input", "output", "cache_read", "cache_write", "attempts")]
        sums += ["sum(coalesce(cost, 0)) AS cost", "sum(cost IS NULL AND provider != '') AS unpriced"]
        chosen = ", ".join([*names, "count(*) AS requests", *sums, "sum(seconds) AS seconds", "min(at) AS first"])
        group = f" GROUP BY {', '.join(by)} ORDER BY {', '.join(by)}" if by else " HAVING count(*) > 0"
        cursor = self._db.execute(f"SELECT {chosen} FROM requests WHERE at >= ?{group}", (since,))  # noqa: S608 checked
        keys = [column[0] for column in cursor.description]
        return [dict(zip(keys, row, strict=True)) for row in cursor]
