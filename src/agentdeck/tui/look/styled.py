"""An agent's screen as Textual draws it: text and colours get through, and nothing else of what an agent wrote.

What the lines hold is hostile. Of a screen, escape sequences other than SGR and the characters that are not to be seen
are left out, for each column counts there; in other text a sign stands for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as Colour
from textual.filter import LineFilter

from agentdeck.core.text.text import seen, visible

_TOKEN = re.compile(
    r"\x1b\[([0-9;:]*)m"  # SGR, the one that is kept
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[P\]X^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]?"
    r"|([\x0e\x0f])"  # how tmux writes the line-drawing set
)
_DRAWING = str.maketrans("`afgjklmnopqrstuvwxyz{|}~", "◆▒°±┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")
_TAB = 8

_BOLD, _DIM, _ITALIC, _UNDERLINE, _REVERSE, _STRIKE = (1 << bit for bit in range(6))
_SET = {1: _BOLD, 2: _DIM, 3: _ITALIC, 4: _UNDERLINE, 7: _REVERSE, 9: _STRIKE, 21: _UNDERLINE}
_UNSET = {22: _BOLD | _DIM, 23: _ITALIC, 24: _UNDERLINE, 27: _REVERSE, 29: _STRIKE}
"""Blinking and concealed text are shown like any other."""


class Look(NamedTuple):
    """What SGR has set: colours as `""`, a number of the palette, or `#rrggbb`; attributes as bits."""

    front: str = ""
    back: str = ""
    bits: int = 0


_PLAIN = Look()


def clean(text: str) -> str:
    """`text` as one row: tabs become spaces, and a sign stands for what a terminal would take for more than text."""
    return visible(text.expandtabs(_TAB) if "\t" in text else text).replace("\n", "␊")


class OnlyText(LineFilter):
    """The last look at each line before it goes to the terminal: what no widget made visible is left out."""

    def apply(self, segments: list[Segment], background: Colour) -> list[Segment]:
        if all(text.isascii() and text.isprintable() for text, _, _ in segments):
            return segments
        return [Segment(_in_its_columns(text), style) for text, style, _ in segments]


def _in_its_columns(text: str) -> str:
    shown = seen(text.replace("\n", "").replace("\t", " "))
    return shown if shown == text else shown + " " * max(0, cell_len(text) - cell_len(shown))


def painted(lines: Sequence[str]) -> list[list[Segment]]:
    """The rows of a screen, from `capture-pane -e`: there a colour goes on until it is changed, over rows too."""
    painter = _Painter()
    return [list(painter.paint(line)) for line in lines]


class _Painter:
    def __init__(self) -> None:
        self._look = _PLAIN
        self._draws = False

    def paint(self, line: str) -> Iterator[Segment]:
        at = 0
        for token in _TOKEN.finditer(line):
            yield from self._text(line[at : token.start()])
            at = token.end()
            if token[1] is not None:
                self._look = _after(self._look, token[1])
            elif token[2] is not None:
                self._draws = token[2] == "\x0e"
        yield from self._text(line[at:])

    def _text(self, text: str) -> Iterator[Segment]:
        if self._draws:
            text = text.translate(_DRAWING)
        if text := seen(text.replace("\t", " ")):
            yield Segment(text, _style(self._look))


@lru_cache(maxsize=4096)
def _after(look: Look, codes: str) -> Look:
    """`look` with the changes of one SGR sequence; what it does not know is passed over."""
    front, back, bits = look
    # With colons, what follows belongs to the number before it: 4:3 is a curly underline, 38:2::r:g:b a colour.
    groups = [[int(part or 0) if len(part) < 5 else 0 for part in group.split(":")] for group in codes.split(";")]
    at = 0
    while at < len(groups):
        group = groups[at]
        code, at = group[0], at + 1
        if code == 0:
            front, back, bits = _PLAIN
        elif code in (38, 48, 58):
            if len(group) > 1:
                colour = _colour(group[1], group[2:] if len(group) < 6 else group[3:])
            else:
                kind = groups[at][0] if at < len(groups) else 0
                count = {2: 3, 5: 1}.get(kind, 0)
                colour = _colour(kind, [each[0] for each in groups[at + 1 : at + 1 + count]])
                at += 1 + count
            if colour and code != 58:
                front, back = (colour, back) if code == 38 else (front, colour)
        elif code == 4 and group[1:] == [0]:
            bits &= ~_UNDERLINE
        elif code in _SET:
            bits |= _SET[code]
        elif code in _UNSET:
            bits &= ~_UNSET[code]
        else:
            front, back = _simple(code, front, back)
    return Look(front, back, bits)


def _simple(code: int, front: str, back: str) -> tuple[str, str]:
    """The codes that are a colour by themselves."""
    if 30 <= code <= 37 or 90 <= code <= 97:
        return str(code - 30 if code < 40 else code - 82), back
    if 40 <= code <= 47 or 100 <= code <= 107:
        return front, str(code - 40 if code < 50 else code - 92)
    return "" if code == 39 else front, "" if code == 49 else back


def _colour(kind: int, numbers: list[int]) -> str:
    if any(number > 255 for number in numbers):
        return ""
    if kind == 5 and numbers:
        return str(numbers[0])
    if kind == 2 and len(numbers) == 3:
        return "#{:02x}{:02x}{:02x}".format(*numbers)
    return ""


@lru_cache(maxsize=4096)
def _style(look: Look) -> Style:
    front, back, bits = look
    return Style(
        color=_rich(front),
        bgcolor=_rich(back),
        bold=bool(bits & _BOLD) or None,
        dim=bool(bits & _DIM) or None,
        italic=bool(bits & _ITALIC) or None,
        underline=bool(bits & _UNDERLINE) or None,
        reverse=bool(bits & _REVERSE) or None,
        strike=bool(bits & _STRIKE) or None,
    )


def _rich(colour: str) -> Color | None:
    if not colour:
        return None
    return Color.parse(colour) if colour.startswith("#") else Color.from_ansi(int(colour))
