from __future__ import annotations

import json
import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.config.tomllines import TomlPath, lines_of

SCALARS = st.one_of(
    st.sampled_from(
        ["1", "-1_000", "0x1f", "1.5", "-0.1e-3", "inf", "true", "1979-05-27T07:32:00.5-07:00", "1979-05-27 07:32:00"]
    ),
    st.text(alphabet="ab \"#[]{}=,.\\'\né\t", max_size=12).map(json.dumps).map(lambda text: text.replace("\x7f", "")),
    st.sampled_from(["'a # \"b'", "''", '""', "'[x]'", "'{'", "'\\'"]),
)
LONG_STRINGS = st.sampled_from(
    [
        '"""one\ntwo # no comment\n[no.table]\n"""',
        '"""a \\"""\nb = 1"""',
        '"""quotes ""inside"" and at the end"""""',
        "'''\n[[no]]\nback\\slash '' quotes'''",
        "''''quoted\n'''''",
        '"""one more""""',
        '""""""',
    ]
)


class Writer:
    """Writes TOML and notes on which line each path begins."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[TomlPath, int] = {}
        self.count = 0

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def noise(self) -> None:
        """What may stand between two lines."""
        self.text += self.pick("", "\n", "  \n", "# comment = [ { \"'\n", "\r\n")

    def key(self) -> str:
        """Write one part of a key, unlike any other in the file."""
        self.count += 1
        name = self.pick("key", "a b", "a.b", "-", "1", "é", 'q"', "#") + str(self.count)
        quoted = [json.dumps(name)] if name.isascii() else [f'"{name}"']
        if '"' in name or "'" not in name:
            quoted.append(f"'{name}'")
        if all(char.isascii() and (char.isalnum() or char in "-_") for char in name):
            quoted.append(name)
        self.text += self.pick(*quoted)
        return str(name)

    def keys(self, path: TomlPath) -> list[TomlPath]:
        """Write a key, dotted or not; return the paths of all its parts."""
        paths: list[TomlPath] = []
        for number in range(self.pick(1, 1, 2, 3)):
            self.text += self.pick(".", " . ", ".\t") if number else ""
            path = (*path, self.key())
            paths.append(path)
        return paths

    def pair(self, path: TomlPath, depth: int, *, one_line: bool) -> None:
        line = self.line
        paths = self.keys(path)
        self.lines |= dict.fromkeys(paths, line)
        self.text += self.pick("=", " = ", "\t=")
        self.value(paths[-1], depth, one_line=one_line)

    def value(self, path: TomlPath, depth: int, *, one_line: bool) -> None:
        kind = self.pick("scalar", "scalar", "long", "array", "table") if depth else "scalar"
        if kind == "array":
            self.array(path, depth, one_line=one_line)
        elif kind == "table":
            self.text += "{ "
            for number in range(self.pick(0, 1, 2)):
                self.text += ", " if number else ""
                self.pair(path, depth - 1, one_line=True)
            self.text += " }"
        else:
            self.text += self.draw(LONG_STRINGS if kind == "long" and not one_line else SCALARS)

    def array(self, path: TomlPath, depth: int, *, one_line: bool) -> None:
        spaces = ("", " ") if one_line else ("", " ", "\n", " # ] comment\n  ")
        self.text += "["
        for number in range(self.pick(0, 1, 2, 3)):
            self.text += "," if number else ""
            self.text += self.pick(*spaces)
            self.lines[(*path, number)] = self.line
            self.value((*path, number), depth - 1, one_line=one_line)
            self.text += self.pick(*spaces)
        self.text += "]"

    def table(self, path: TomlPath, depth: int) -> None:
        for _ in range(self.pick(0, 1, 2)):
            self.noise()
            self.pair(path, 2, one_line=False)
            self.text += self.pick("\n", " # comment\n", "\r\n")
        for _ in range(self.pick(0, 1, 2) if depth else 0):
            self.noise()
            self.sub_table(path, depth)

    def sub_table(self, path: TomlPath, depth: int) -> None:
        names = [json.dumps(step) for step in path if isinstance(step, str)]
        array = self.pick(False, True)
        new: TomlPath = ()
        header = ""
        for number in range(self.pick(1, 2, 3) if array else 1):
            line = self.line
            if not number:
                before = self.text
                self.text = ""
                new = (*path, self.key())
                header = ".".join([*names, self.text])
                self.text = before
                self.lines[new] = line
            here = (*new, number) if array else new
            self.lines[here] = line
            self.text += f"[[{header}]]\n" if array else f"[ {header} ] # comment\n"
            self.table(here, depth - 1)


@st.composite
def documents(draw: Any) -> tuple[str, dict[TomlPath, int]]:
    writer = Writer(draw)
    writer.table((), 2)
    return writer.text, writer.lines


def paths_in(value: Any, path: TomlPath = ()) -> set[TomlPath]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = {path} if path else set()
    for step, inner in pairs:
        found |= paths_in(inner, (*path, step))
    return found


@given(documents())
def test_the_reported_line_is_the_true_line(document: tuple[str, dict[TomlPath, int]]) -> None:
    text, lines = document
    assert paths_in(tomllib.loads(text)) == set(lines)
    assert lines_of(text) == lines


def test_a_table_that_is_named_late_has_the_line_of_its_first_mention() -> None:
    lines = lines_of("[a.b]\nx = 1\n[a]\ny = 2\n")
    assert lines == {("a",): 1, ("a", "b"): 1, ("a", "b", "x"): 2, ("a", "y"): 4}


def test_sub_tables_belong_to_the_last_table_of_an_array() -> None:
    lines = lines_of("[[t]]\n[t.s]\nx = 1\n[[t]]\n[[t.u]]\n[t.s]\nx = 2\n")
    assert lines[("t", 0, "s", "x")] == 3
    assert lines[("t", 1, "u", 0)] == 5
    assert lines[("t", 1, "s", "x")] == 7
