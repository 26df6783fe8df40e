"""The record of landings: one JSON line each, with the hash of the line before, so that a change of it shows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.hashes import sha256

COLUMNS = (
    "at commit base agent profile models task gate_result gate approved_how approved_user committer overrides cost "
    "failovers landing step undone risk_class role oversight"
).split()
_FIRST = "0" * 64


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the record, as it was read."""

    number: int
    record: Mapping[str, Any]
    is_sound: bool
    """Whether it follows on the line before, unchanged."""


def hash_of(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def chained(record: Mapping[str, Any], before: str) -> str:
    """`record` as the line that follows on the line `before`; empty for the first one."""
    linked = {**record, "previous": _mark(before)}
    return json.dumps({**linked, "hash": hash_of(linked)}, sort_keys=True)


def read_lines(text: str) -> list[Line]:
    found, before = [], ""
    for number, line in enumerate((each for each in text.split("\n") if each.strip()), 1):
        record = _object(line)
        told = {key: value for key, value in record.items() if key != "hash"}
        sound = record.get("previous") == _mark(before) and record.get("hash") == hash_of(told)
        found.append(Line(number, record, sound))
        before = line
    return found


def _mark(line: str) -> str:
    return sha256(line.encode("utf-8", "surrogateescape")).hexdigest() if line else _FIRST


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.JSONDecoder().decode(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        value = "; ".join(_cell(each) for each in value)
    elif isinstance(value, Mapping):
        value = json.dumps(value, sort_keys=True, ensure_ascii=False)
    text = str(value)
    # A spreadsheet runs what begins like this.
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


def inventory(system: str, entries: Sequence[Mapping[str, Any]]) -> str:
    """YAML of the models that are configured or served: strings as JSON writes them, which YAML reads."""
    lines = [f"system: {_yaml(system)}", "models:" if entries else "models: []"]
    for entry in entries:
        for index, (key, value) in enumerate(entry.items()):
            lines.append(f"  {'-' if index == 0 else ' '} {key}: {_yaml(value)}")
    return "\n".join(lines) + "\n"


def _yaml(value: Any) -> str:
    return json.dumps(value)
