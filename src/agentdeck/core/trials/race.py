"""A race: several agents do the same task from the same commit, and a person, or a rule, picks one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from agentdeck.core.frozen import dataclass

MOST = 8
"""Racers in one race."""
_TEST = re.compile(r"(^|/)(tests?|specs?|__tests__)/|(^|/)(test_|conftest\.)|[._](test|spec)\.[^/]*$", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Score:
    """What is known of one racer."""

    name: str
    out: str = ""
    """Why it can't be picked, as a phrase; empty where it can."""
    ready: bool = True
    """Whether it has come to its end."""
    gate: str = ""
    """`passed`, `failed`, or empty where no gate ran."""
    metric: float | None = None
    """None where nothing is measured, or the command printed no number."""
    files: int = 0
    lines: int = 0
    """Added and removed."""
    tests: tuple[str, ...] = ()
    """The test files that it changed."""
    cost: float | None = None
    """In US dollars; None where that is not known."""
    seconds: float = 0.0


def parse_racers(text: str) -> list[tuple[str, str]]:
    """The profile and the tier of each racer in `claude,codex,claude@deep`. Raise ValueError, whose text says what is
    wrong."""
    racers = []
    for word in text.split(","):
        profile, at, tier = (part.strip() for part in word.partition("@"))
        if not profile or (at and not tier):
            raise ValueError(f"“{word.strip()}” is not PROFILE or PROFILE@TIER")
        racers.append((profile, tier))
    if not 2 <= len(racers) <= MOST:
        raise ValueError(f"a race has 2 to {MOST} agents, and this one has {len(racers)}")
    return racers


def ranked(scores: Sequence[Score], *, lower: bool) -> list[tuple[int, Score]]:
    """The scores with their places, the best first; equal ones share a place, and those that are out have place 0.

    The user's own metric decides, then the smaller change, the lower cost, the shorter time. What is not known of all
    is not compared. `lower`: the lower metric is the better one.
    """
    able = [score for score in scores if score.ready and not score.out]
    costs = all(score.cost is not None for score in able)

    def key(score: Score) -> tuple[float, ...]:
        metric = float("inf") if score.metric is None else score.metric if lower else -score.metric
        return metric, score.lines, round(score.cost or 0.0, 2) if costs else 0.0, round(score.seconds)

    found, place = [], 1
    for _, group in groupby(sorted(able, key=key), key):
        equal = list(group)
        found += [(place, score) for score in equal]
        place += len(equal)
    return [*found, *((0, score) for score in scores if score not in able)]


def last_number(lines: Sequence[str]) -> float | None:
    """The last number in what a command printed."""
    for line in reversed(lines):
        if found := _NUMBER.findall(line):
            return float(found[-1])
    return None


def is_test(path: str) -> bool:
    return _TEST.search(path) is not None
