"""How much of what tries everything is run by default: a share, in which every kind of thing is.

`AGENTDECK_EVERY_CRASH=1` runs all steps and files, `AGENTDECK_EXAMPLES=500` so many examples of each property.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TypeVar

import pytest

Row = TypeVar("Row")
Column = TypeVar("Column")
EVERY = bool(os.environ.get("AGENTDECK_EVERY_CRASH"))
ALL = EVERY or bool(os.environ.get("AGENTDECK_TEST_MORE_AGENTS"))
in_test_fleet = pytest.mark.skipif(not os.environ.get("AGENTDECK_TEST_FLEET"), reason="make test-fleet")


def examples(some: int) -> int:
    return int(os.environ.get("AGENTDECK_EXAMPLES", some))


def steps(last: int, one_in: int) -> Iterator[int]:
    """The first of the steps 1 to `last`, one in so many after it, and the last."""
    yield from range(1, last, 1 if EVERY else one_in)
    yield last


def one(rows: Iterable[Row], at: int = 0) -> list[Row]:
    """All, or the one at that place."""
    each = list(rows)
    return each if ALL else [each[at]]


def every_other(rows: Iterable[Row], first: int) -> list[Row]:
    """All, or every other one; `first` is 0 or 1."""
    return list(rows)[0 if EVERY else first :: 1 if EVERY else 2]


def diagonal(rows: Iterable[Row], columns: Iterable[Column], times: int = 1) -> list[tuple[Row, Column]]:
    """All pairs, or so many that each row and each column is in one of them, or in so many."""
    first, second = list(rows), list(columns)
    pairs = [(row, column) for row in first for column in second]
    if ALL:
        return pairs
    count = max(len(first), len(second))
    shifted = ((at, at + shift) for shift in range(times) for at in range(count))
    return [(first[one % len(first)], second[other % len(second)]) for one, other in shifted]
