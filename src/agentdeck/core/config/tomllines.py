"""Where in a TOML file each key stands; `tomllib` reads the values but tells no positions."""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentdeck.core.frozen import dataclass

TomlPath = tuple[str | int, ...]
"""Keys, and indexes into arrays, from the top of the file to a value."""

_TOKEN = re.compile(
    r'''(?P<string>"""(?:\\.|[^\\])*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:\\.|[^"\\])*"|'[^']*')'''
    r"""|(?P<space>[ \t\r]+|#[^\n]*)|(?P<mark>[\[\]{}=,.\n])|(?P<word>[^\s\[\]{}=,.#"']+)""",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def lines_of(text: str) -> dict[TomlPath, int]:
    """The line, from 1, of every key, table and array element of `text`, which must be TOML that `tomllib` accepts.

    A table has the line where it is first named; an element of an array the line where it begins.
    """
    return _Scanner(text).scan()


def leaves(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its path; an empty table is a value."""
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def dotted(path: Iterable[str | int]) -> str:
    """A path as TOML writes it: `ports.names[2]`, `agent.env."A.B"`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            key = step if _BARE_KEY.fullmatch(step) else json.dumps(step, ensure_ascii=False)
            text += f".{key}" if text else key
    return text


class _Scanner:
    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0
        self.lines: dict[TomlPath, int] = {}
        self.tables: dict[TomlPath, int] = {}
        """How many tables each array of tables has so far."""

    def scan(self) -> dict[TomlPath, int]:
        here: TomlPath = ()
        while (token := self._peek()) is not None:
            if token.text == "\n":
                self.at += 1
            elif token.text == "[" and token.kind == "mark":
                here = self._header()
            else:
                self._pair(here)
        return self.lines

    def _peek(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _take(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def _next_is(self, mark: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == "mark" and token.text == mark

    def _header(self) -> TomlPath:
        """Read `[a.b]` or `[[a.b]]`, and return the path of the table it opens."""
        line = self._take().line
        array = self._next_is("[")
        self.at += array
        keys = self._key()
        self.at += 1 + array
        path: TomlPath = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            self.lines.setdefault(path, line)
            if array and number == len(keys) - 1:
                self.tables[path] = self.tables.get(path, 0) + 1
            if path in self.tables:
                path = (*path, self.tables[path] - 1)
                self.lines.setdefault(path, line)
        return path

    def _pair(self, path: TomlPath) -> None:
        token = self._peek()
        assert token is not None
        for key in self._key():
            path = (*path, key)
            self.lines.setdefault(path, token.line)
        self.at += 1
        self._value(path)

    def _key(self) -> list[str]:
        """Read a key, dotted or not, up to what follows it."""
        keys = []
        while True:
            token = self._take()
            keys.append(tomllib.loads(f"key = {token.text}")["key"] if token.kind == "string" else token.text)
            if not self._next_is("."):
                return keys
            self.at += 1

    def _value(self, path: TomlPath) -> None:
        if self._next_is("["):
            self.at += 1
            for index in self._members("]"):
                element = self._peek()
                assert element is not None
                self.lines[(*path, index)] = element.line
                self._value((*path, index))
        elif self._next_is("{"):
            self.at += 1
            for _ in self._members("}"):
                self._pair(path)
        else:
            self._scalar()

    def _members(self, end: str) -> Iterator[int]:
        """Count the members of an array or inline table; the caller reads each."""
        index = 0
        while True:
            while self._next_is("\n") or self._next_is(","):
                self.at += 1
            if self._next_is(end):
                self.at += 1
                return
            yield index
            index += 1

    def _scalar(self) -> None:
        # A number such as 1.5 or a date with a time is several tokens.
        while (token := self._peek()) is not None and (token.kind != "mark" or token.text == "."):
            self.at += 1


def _tokens(text: str) -> Iterator[_Token]:
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind != "space":
            yield _Token(kind, match.group(), bisect_right(starts, match.start()))
