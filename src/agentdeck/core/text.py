"""Text for a terminal: made harmless, measured in columns, cut to fit. What agents print and are named is hostile."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from agentdeck.core.ansi import strip

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
GAP = 2
"""Columns between two columns of a table."""


def plain(text: str) -> str:
    """`text` as one line that can do nothing to a terminal: no escape sequences, controls, or direction overrides."""
    if text.isascii() and text.isprintable():
        return text
    spaced = re.sub(r"[\r\n\u2028\u2029]+", " ", strip(text).expandtabs(8))
    return "".join(char for char in spaced if unicodedata.category(char) not in _UNSEEN)


def size_text(count: float) -> str:
    """Bytes as a person reads them: `12 B`, `3.4 KiB`, `120 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names in a sentence, and how many more there are: `one, two and 198 more`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def columns(text: str) -> int:
    """How many columns a terminal needs for `text`."""
    return len(text) if text.isascii() else sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns, with … where it was cut."""
    if columns(text) <= width:
        return text
    kept, room = "", width - 1
    for char in text:
        room -= _columns(char)
        if room < 0:
            break
        kept += char
    return kept.rstrip() + "…" if width > 0 else ""


def cut_start(text: str, width: int) -> str:
    """`text` in at most `width` columns, with … where its beginning was."""
    return text if columns(text) <= width else "…" + cut(text[::-1], width).removesuffix("…")[::-1]


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
