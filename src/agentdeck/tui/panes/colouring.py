"""Colours for the lines of code in a diff, found in a thread of its own; until they are there, the text is plain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agentdeck.core.merging.patch import FilePatch, PatchLine
from agentdeck.tui.look.styled import clean
from agentdeck.tui.panes.rows import Piece

_LINES_MOST = 1500
"""Lines of one hunk that are coloured; more would take seconds."""
_COLUMNS_MOST = 400
_KEPT_MOST = 400
"""Hunks whose colours are kept."""

Colours = dict[int, list[Piece]]
"""The pieces of a line, by its index among the file's lines."""


class Colouring:
    """`tell` is called, in that thread, whenever more colours are there."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="colours")
        self._found: dict[tuple[int, int, int], Colours | None] = {}
        self._round = 0

    def forget(self) -> None:
        """The lines are others from now on."""
        self._round += 1
        self._found.clear()

    def close(self) -> None:
        self._round += 1
        self._pool.shutdown(wait=False, cancel_futures=True)

    def of(self, file: FilePatch, index: int) -> list[Piece] | None:
        """The pieces of that line; None while they are not known, or where it is left plain."""
        start = index
        while start > 0 and file.lines[start].kind != "@" and index - start < _LINES_MOST:
            start -= 1
        key = (self._round, id(file), start)
        if key not in self._found:
            if len(self._found) >= _KEPT_MOST:
                self._found.clear()
            self._found[key] = None
            self._pool.submit(self._find, key, file, start)
        colours = self._found[key]
        return colours.get(index) if colours else None

    def _find(self, key: tuple[int, int, int], file: FilePatch, start: int) -> None:
        if key[0] != self._round:
            return
        try:
            colours = hunk_colours(file, start)
        except Exception:  # noqa: BLE001 - a lexer that fails on what an agent wrote leaves it plain
            return
        if colours and key[0] == self._round:
            self._found[key] = colours
            self._tell()


def hunk_colours(file: FilePatch, start: int) -> Colours:
    """The colours of the hunk whose head is the line `start`."""
    lexer = _lexer(file.path)
    if lexer is None:
        return {}
    lines = [(start + at, line) for at, line in enumerate(_hunk(file.lines, start))]
    if len(lines) > _LINES_MOST or any(len(line.text) > _COLUMNS_MOST for _, line in lines):
        return {}
    colours: Colours = {}
    for kinds in ("-", " +"):
        side = [(index, line) for index, line in lines if line.kind in kinds or line.kind == " "]
        text = "".join(clean(line.text) + "\n" for _, line in side)
        for (index, _), pieces in zip(side, _lexed(lexer, text), strict=False):
            colours[index] = pieces
    return colours


def _hunk(lines: Sequence[PatchLine], start: int) -> Iterator[PatchLine]:
    for at in range(start, len(lines)):
        if at > start and lines[at].kind == "@":
            return
        yield lines[at]


def _lexed(lexer: Any, text: str) -> Iterator[list[Piece]]:
    line: list[Piece] = []
    for token, value in lexer.get_tokens(text):
        name = _look(str(token))
        first, *rest = value.split("\n")
        if first:
            line.append((first, name))
        for part in rest:
            yield line
            line = [(part, name)] if part else []


def _look(token: str) -> str:
    if token.startswith("Token.Comment"):
        return "code-comment"
    if token.startswith("Token.Keyword"):
        return "code-keyword"
    if token.startswith("Token.Literal.String"):
        return "code-string"
    if token.startswith("Token.Literal.Number"):
        return "code-number"
    if token.startswith(("Token.Name.Function", "Token.Name.Class", "Token.Name.Decorator", "Token.Name.Tag")):
        return "code-name"
    return ""


def _lexer(path: str) -> Any:
    from pygments.lexers import get_lexer_for_filename
    from pygments.util import ClassNotFound

    try:
        return get_lexer_for_filename(path, stripnl=False, ensurenl=True)
    except ClassNotFound:
        return None
