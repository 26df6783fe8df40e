"""How a transcript is read: one reader a format, fed whole lines as they come. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from agentdeck.core.transcripts.records import Record

_TEXT_MAX = 200_000
"""Characters of a text that are kept."""
_ARGUMENTS_MAX = 160
"""Characters of a tool's arguments that are kept."""
_SUBJECTS = ("command", "cmd", "file_path", "filePath", "path", "absolute_path", "pattern", "query", "url", "prompt")
"""The arguments of a tool that say what it is about, the best first."""


class Reader(Protocol):
    """One for each file of a transcript. What it does not know, it skips."""

    def read(self, line: bytes) -> Iterable[Record]:
        """What one whole line says."""
        ...


def read_line(reader: Reader, line: bytes) -> list[Record]:
    """What `line` says; nothing where the reader can't make sense of it: formats change with every version."""
    try:
        return list(reader.read(line))
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        return []


def parse(text: bytes | str) -> dict[str, Any] | None:
    """The JSON object in `text`; None for anything else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def time_of(value: object) -> float:
    """Epoch seconds of a time stamp as transcripts write it: ISO 8601, seconds or milliseconds; 0 for anything else."""
    if isinstance(value, bool):
        return 0.0
    if isinstance(value, int | float):
        seconds = value / 1000 if value > 1e11 else float(value)
        return seconds if 0 < seconds < 1e11 else 0.0
    from datetime import datetime

    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """A list; [] for anything else."""
    return value if isinstance(value, list) else []


def word(value: object) -> str:
    """A string; “” for anything else."""
    return value if isinstance(value, str) else ""


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list; [] for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text_in(value: object) -> str:
    """The text of a field that may be a string, or blocks of which some hold text."""
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, list):
        return cut("\n".join(filter(None, map(_block, value))))
    return _block(value)


def _block(value: object) -> str:
    if isinstance(value, str):
        return value
    fields = mapping(value)
    found = fields.get("text") or fields.get("content") or fields.get("output")
    return found if isinstance(found, str) else ""


def cut(text: str, most: int = _TEXT_MAX) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def one_line(text: str, most: int = _ARGUMENTS_MAX) -> str:
    # A command of a megabyte is not split into its words first.
    return cut(" ".join(text[: most * 8].split()), most)


def arguments_of(given: object) -> str:
    """A tool's arguments on one line: what it is about where that is known, else all."""
    if isinstance(given, str):
        given = parse(given) or given
    if not isinstance(given, dict):
        return one_line(_shown(given)) if given not in (None, "") else ""
    subject = next((given[key] for key in _SUBJECTS if given.get(key)), None)
    if subject is not None:
        return one_line(_shown(subject))
    return one_line(" ".join(f"{key}={_shown(value)[:_ARGUMENTS_MAX]}" for key, value in given.items()))


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def count(fields: Mapping[str, Any], *names: str) -> int:
    """The first of these fields that holds a number of tokens."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return 0


class Once:
    """Tells what is new, in formats that write the same again when it has grown."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, what: str) -> bool:
        if what in self._told:
            return False
        self._told.add(what)
        return True


class Lines:
    """Cuts a growing file into whole lines, however its bytes come. A line beyond `most` bytes is skipped."""

    def __init__(self, most: int = 16 * 1024 * 1024) -> None:
        self._rest, self._most, self._skips = b"", most, False
        self.taken = 0
        """Bytes of the lines that were whole."""

    @property
    def held(self) -> int:
        """Bytes of the line that has no end yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[bytes]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self.taken += len(line) + 1
            if self._skips:
                self._skips = False
            elif line.strip():
                yield line
        if len(self._rest) > self._most:
            self.taken += len(self._rest)
            self._rest, self._skips = b"", True
