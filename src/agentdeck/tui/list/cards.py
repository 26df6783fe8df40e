"""An agent as a card of several lines, for a list that stands beside what one reads."""

from __future__ import annotations

from agentdeck.core.text.text import columns as columns_of
from agentdeck.tui.feed.snapshot import Row
from agentdeck.tui.list.columns import (
    AGE,
    CHANGES,
    CONFLICT,
    CONTEXT,
    COST,
    HOST,
    NAME_AND_STATE,
    PROFILE,
    WHAT,
    Part,
    fitted,
)

LINES = 3
"""Lines of a card: name and state, what it does, what it has made and taken."""


def card(row: Row, now: float, width: int, lines: int) -> list[list[Part]]:
    """The lines of the card, each of exactly `width` columns."""
    name, state = (column.parts(row, now) for column in NAME_AND_STATE)
    age = AGE.parts(row, now)
    end = [*state, ("  ", ""), *fitted(age, AGE.width, right=True)]
    room = max(1, width - _width(end) - 1)
    first = [*fitted(name, room), (" ", ""), *end]
    found = [first, fitted(WHAT.parts(row, now), width), fitted(_made(row, now), width)]
    return found[:lines]


def _made(row: Row, now: float) -> list[Part]:
    parts: list[Part] = []
    where = (HOST,) if row.view.host else ()
    for column in (*where, PROFILE, CHANGES, CONFLICT, CONTEXT, COST):
        said = column.parts(row, now)
        if said and said[0][0] not in ("–", "·"):
            parts += [("  ", ""), *said] if parts else said
    return parts


def _width(parts: list[Part]) -> int:
    return sum(columns_of(text) for text, _ in parts)
