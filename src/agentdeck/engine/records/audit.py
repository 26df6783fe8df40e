"""`<store>/audit.jsonl`: each landing with who and what made it, appended once and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentdeck.core.reports.audit import Line, chained, read_lines
from agentdeck.system.files.files import append_line, locked
from agentdeck.system.state.store import Store


class Audit:
    def __init__(self, store: Store) -> None:
        self._folder = store.folder

    @property
    def path(self) -> Path:
        return self._folder / "audit.jsonl"

    def all(self) -> list[Line]:
        """Oldest first; a line that can't be read is there, and is not sound."""
        return read_lines(self._text())

    def append(self, record: Mapping[str, Any]) -> None:
        """Add the landing of one agent; the same again, after a crash, changes nothing."""
        with locked(self._folder / "audit.lock", wait=10, what="the record of landings"):
            text = self._text()
            lines = [line for line in text.split("\n") if line.strip()]
            known = ((line.record.get("landing"), line.record.get("agent")) for line in read_lines(text))
            if (record["landing"], record["agent"]) in known:
                return
            torn = "\n" if text and not text.endswith("\n") else ""  # a machine that went down left a part of a line
            append_line(self.path, torn + chained(record, lines[-1] if lines else ""))

    def _text(self) -> str:
        try:
            return self.path.read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            return ""
