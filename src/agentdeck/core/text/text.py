"""Text for a terminal: made harmless, measured in columns, cut to fit. What agents print and are named is hostile."""

from __future__ import annotations

import re
from collections.abc import Sequence

GAP = 2
"""Columns between two columns of a table."""
_INVISIBLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Controls, directions, joiners, fillers, tags and lone surrogates, as the inside of a regular expression's class."""
# Patterns are compiled where they are met first (`re` keeps them): most of what a verb prints needs none.
_UNSEEN = f"[{_INVISIBLE}]+"
_JOINER = f"(?<=[^\x00-\x7f{_INVISIBLE}])(?:[\ufe0e\ufe0f]\u200d?|[\u200c\u200d])(?![{_INVISIBLE}])"
"""One that joins pictures or the letters of a script: a sign in its place would hide more than it shows."""
_ACCENT = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_PILE = f"({_ACCENT}{{2}}){_ACCENT}+"
"""More than two accents on one letter: they would be drawn over the lines around."""
_NARROW = "[ -~\xa1-\xac\xae-\u02ff\u2010-\u2027\u2190-\u22ff\u23ba-\u23ce\u2500-\u25fc\u2691\u2713\u2717\u276f]*"
"""Text of one column a character, as most of what AgentDeck prints is. The tables for the rest are slow to import."""
_COLOUR = r"\x1b\[([0-9;:]{0,80})m"
_ADORNMENT = r"\x1b\[[0-9;:]{0,80}[mK]"
"""What a program colours its lines with, and erases the rest of one with."""
_SUBCODES = {"2": 3, "5": 1}
"""How many numbers make a colour after 38, 48 and 58, by the kind that comes first."""
_RESET = "\x1b[0m"


def plain(text: str) -> str:
    """`text` as one line that can do nothing to a terminal: no colours, and what else is no text made visible."""
    if (text.isascii() and text.isprintable()) or re.fullmatch(_NARROW, text):
        return text
    return visible(re.sub(r"[\r\n\u2028\u2029]+", " ", re.sub(_ADORNMENT, "", text).expandtabs(8)))


def visible(text: str) -> str:
    """`text` with its lines and tabs, and with a sign for each character that is not to be seen: `␛`, `<U+202E>`."""
    if (text.isascii() and text.isprintable()) or re.fullmatch(_NARROW, text):
        return text
    return re.sub(_UNSEEN, _signs, re.sub(_PILE, r"\1", re.sub(_JOINER, "", text)))


def seen(text: str) -> str:
    """`text` without the characters that are not to be seen, for a place where each one has its column."""
    return text if text.isascii() and text.isprintable() else re.sub(_PILE, r"\1", re.sub(_UNSEEN, "", text))


def coloured(text: str) -> str:
    """As `visible`, but colours get through. None goes beyond its line, and none hides text."""
    if "\x1b" not in text:
        return visible(text)
    return "\n".join(_coloured_line(line) if "\x1b" in line else visible(line) for line in text.split("\n"))


def _coloured_line(line: str) -> str:
    shown, at, colour = "", 0, _RESET
    for found in re.finditer(_COLOUR, line):
        shown += visible(line[at : found.start()])
        at = found.end()
        if _conceals(found[1]):
            shown += visible(found[0])
        else:
            shown += (colour := found[0])
    return shown + visible(line[at:]) + ("" if colour in (_RESET, "\x1b[m") else _RESET)


def _conceals(codes: str) -> bool:
    numbers = iter(codes.split(";") if "8" in codes else ())
    for number in numbers:
        if number in ("38", "48", "58"):
            for _ in range(_SUBCODES.get(next(numbers, ""), 0)):
                next(numbers, "")
        elif number.split(":")[0].lstrip("0") == "8":
            return True
    return False


def _signs(found: re.Match[str]) -> str:
    return "".join(map(_sign, found[0]))


def _sign(char: str) -> str:
    code = ord(char)
    if code < 32:
        return chr(0x2400 + code)
    return "␡" if code == 127 else f"<U+{code:04X}>"


def size_text(count: float) -> str:
    """Bytes as a person reads them: `12 B`, `3.4 KiB`, `120 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"


def parse_size(text: str) -> int:
    """Bytes from `500M`, `8G`, `8 GiB` or `1048576`; raise ValueError for anything else."""
    found = re.fullmatch(r"(\d{1,12}(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    if found is None:
        raise ValueError(f"“{text}” is not a size; use 500M or 8G")
    return int(float(found[1]) * 1024 ** " kmgt".index(found[2] or " "))


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names in a sentence, and how many more there are: `one, two and 198 more`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def columns(text: str) -> int:
    """How many columns a terminal needs for `text`."""
    if text.isascii() or re.fullmatch(_NARROW, text):
        return len(text)
    from wcwidth import iter_graphemes, wcswidth

    return sum(max(0, wcswidth(part)) for part in iter_graphemes(text))


def drawn(text: str) -> Sequence[str]:
    """The characters of `text` as they are drawn: a letter is one with its accents, and a picture with its parts."""
    if text.isascii() or re.fullmatch(_NARROW, text):
        return text
    from wcwidth import iter_graphemes

    return list(iter_graphemes(text))


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns, with … where it was cut."""
    if columns(text) <= width:
        return text
    return "".join(_first(drawn(text), width - 1)).rstrip(" …") + "…" if width > 0 else ""


def cut_start(text: str, width: int) -> str:
    """`text` in at most `width` columns, with … where its beginning was."""
    if columns(text) <= width:
        return text
    kept = "".join(reversed(_first(drawn(text)[::-1], width - 1))).lstrip(" …")
    return f"…{kept}"


def _first(parts: Sequence[str], room: int) -> list[str]:
    """As many of `parts` as `room` columns take."""
    kept = []
    for part in parts:
        room -= columns(part)
        if room < 0:
            break
        kept.append(part)
    return kept


def pad(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def fit(natural: Sequence[int], least: Sequence[int], total: int | None) -> list[int]:
    """Widths of a table's columns: as wide as their text, and the widest cut first until all fit in `total` columns.

    None of them goes below its `least`, even where the table does not fit then; None for `total` is no bound.
    """
    widths = list(natural)
    if total is None:
        return widths
    excess = sum(widths) + GAP * (len(widths) - 1) - total
    while excess > 0:
        room = [width - min(low, width) for width, low in zip(widths, least, strict=True)]
        if not any(room):
            break
        widest = max(range(len(widths)), key=lambda index: (room[index] > 0, widths[index]))
        widths[widest] -= 1
        excess -= 1
    return widths


def short_count(number: float) -> str:
    """`812`, `3.4k`, `1.2M`: never more than six columns."""
    for unit in ("", "k", "M"):
        if number < 1000:
            return f"{number:.0f}{unit}" if not unit or number >= 100 else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.1f}G"
