"""opencode keeps its sessions in one SQLite file: read what is new of one session, and never write. The runner loads
this only for opencode.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from agentdeck.core.transcripts.opencode import OpencodeReader
from agentdeck.core.transcripts.reading import read_line
from agentdeck.core.transcripts.records import Record
from agentdeck.system.files.files import from_json

_SETTLED = 100
"""Milliseconds after which nothing of that time can still come."""
_PARTS = """
    SELECT p.id, p.session_id, p.time_updated, p.data, m.data, s.parent_id, s.title, s.directory
    FROM part p JOIN message m ON m.id = p.message_id JOIN session s ON s.id = p.session_id
    WHERE (s.id = ?1 OR s.parent_id = ?1) AND p.time_updated > ?2 AND p.time_updated <= ?3 AND m.time_created > ?4
    ORDER BY p.time_updated, p.id
"""
_FAILED = """
    SELECT m.id, m.session_id, m.time_updated, m.data FROM message m JOIN session s ON s.id = m.session_id
    WHERE (s.id = ?1 OR s.parent_id = ?1) AND m.time_updated > ?2 AND m.time_updated <= ?3
    AND m.time_created > ?4 AND json_extract(m.data, '$.error') IS NOT NULL
"""


class Database:
    """The rows of one session and of its sub-agents', as one transcript."""

    def __init__(self, path: Path, cwd: str, begun: float, session: str, positions: dict[str, int]) -> None:
        self.path = path
        self.session = session
        self._cwd, self._begun, self._positions = cwd, begun, positions
        self._reader = OpencodeReader()

    @property
    def key(self) -> str:
        return f"{self.path}#{self.session}"

    @property
    def position(self) -> int:
        """The time of the last row that was read, in milliseconds."""
        return self._positions.get(self.key, 0)

    @property
    def _read_elsewhere(self) -> int:
        """The time up to which another account's database was read, from which messages were taken over into this
        one, as rows of that moment."""
        ends = (at for key, at in self._positions.items() if key != self.key and key.endswith(f"#{self.session}"))
        return max(ends, default=0)

    def look(self) -> list[Record]:
        """What has come since the last look."""
        try:
            with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=0.2)) as database:
                self.session = self.session or self._newest(database)
                if not self.session:
                    return []
                lines = list(self._lines(database))
        except (sqlite3.Error, ValueError):
            return []
        return [record for line in lines for record in read_line(self._reader, line)]

    def _newest(self, database: sqlite3.Connection) -> str:
        query = (
            "SELECT id, directory FROM session WHERE parent_id IS NULL AND time_updated >= ? ORDER BY time_created DESC"
        )
        for session, folder in database.execute(query, (self._begun * 1000,)):
            if os.path.realpath(folder) == os.path.realpath(self._cwd):
                return str(session)
        return ""

    def _lines(self, database: sqlite3.Connection) -> Iterator[bytes]:
        position, until = self.position, int(time.time() * 1000) - _SETTLED
        last, span = position, (self.session, position, until, self._read_elsewhere)
        for id, session, at, part, message, parent, title, folder in database.execute(_PARTS, span):
            last = max(last, at)
            facts = _parsed(message)
            model = facts.get("modelID") or _parsed(facts.get("model")).get("modelID")
            line = {"id": id, "session": session, "at": at, "part": _parsed(part), "role": facts.get("role")}
            line |= {"model": model, "cwd": folder, "agent": (title or session) if parent else ""}
            yield json.dumps(line).encode()
        for id, session, at, message in database.execute(_FAILED, span):
            last = max(last, at)
            yield json.dumps({"id": id, "session": session, "at": at, "error": _parsed(message).get("error")}).encode()
        self._positions[self.key] = last


def _parsed(value: Any) -> dict[str, Any]:
    try:
        found = from_json(value) if isinstance(value, str) else value
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
