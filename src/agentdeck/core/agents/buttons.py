"""Options that stand in one line of a screen: side by side, or as letters to type. Standard library only: the runner
uses it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentdeck.core.question import Option
from agentdeck.core.text.ansi import strip
from agentdeck.core.text.patterns import late

_ROW = late(r"^[\s│┃|]*(?P<labels>\S.*?)\s+(?:\S+ \S+\s+)?⇆ select\b")
_GAP = late(r" {2,}")
_HINT = late(r"(?:ctrl\+|esc|enter|tab)\S*", re.IGNORECASE)
_LETTERS = late(r"(?P<text>\S.*?\S) (?P<options>\(\w\)\S.*?)(?: \[[^\]]*\])?: *\Z")
_LETTER = late(r"\((?P<letter>\w)\)(?P<rest>[^/]*)")
_COLOUR = late(r"\x1b\[(?P<codes>[\d;:]*)m")


def row(line: str) -> tuple[Option, ...]:
    """The options that stand side by side in the line; none where it is another one."""
    match = _ROW.match(line)
    labels = _GAP.split(match["labels"]) if match is not None else []
    return tuple(Option(label) for label in labels if not _HINT.match(label))


def letters(line: str) -> tuple[Option, ...]:
    """The options of a question such as “Go on? (Y)es/(N)o [Yes]: ”, where a letter is typed."""
    match = _LETTERS.search(line)
    found = _LETTER.finditer(match["options"]) if match is not None else ()
    return tuple(Option(f"{each['letter']}{each['rest']}".strip(), keys=f"{each['letter']} Enter") for each in found)


def marked_in_row(styled: str, options: Sequence[Option]) -> int:
    """The number of the option that has a background of its own on a screen with its colours; 0 where none has."""
    line = next((line for line in reversed(styled.splitlines()) if row(strip(line)) == tuple(options)), "")
    text, grounds = _grounds(line)
    blank = next((at for at, char in enumerate(text) if char == " " and text[:at].strip(" ")), 0)
    start = blank
    for number, option in enumerate(options, 1):
        start = text.find(option.label, start)
        if start < 0:
            return 0
        if grounds[start] != grounds[blank]:
            return number
        start += len(option.label)
    return 0


def _grounds(line: str) -> tuple[str, list[str]]:
    """The text of a line, and the background of each of its characters."""
    text, grounds, ground, end = "", [], "", 0
    for match in _COLOUR.finditer(line):
        piece = line[end : match.start()]
        text, end = text + piece, match.end()
        grounds += [ground] * len(piece)
        ground = _ground_after(match["codes"], ground)
    text += line[end:]
    return text, grounds + [ground] * (len(text) - len(grounds))


def _ground_after(codes: str, ground: str) -> str:
    words = codes.replace(":", ";").split(";")
    while words:
        code = words.pop(0)
        if code in ("", "0", "49"):
            ground = ""
        elif code == "7":
            ground = "reversed"
        elif code in ("38", "48"):
            wide = 4 if words[:1] == ["2"] else 2
            ground = ";".join(words[:wide]) if code == "48" else ground
            del words[:wide]
        elif code.isdigit() and (40 <= int(code) <= 47 or 100 <= int(code) <= 107):
            ground = code
    return ground
