"""What benchmark runs gave: one record a run, and rates with their intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from agentdeck.core.frozen import asdict, dataclass

_Z = 1.959964
"""Of a two-sided interval of 95 %."""


@dataclass(frozen=True, slots=True)
class BenchResult:
    """One run of one task."""

    bench: str
    """The id of the call that it belongs to."""
    task: str
    tier: str
    number: int
    """Which repetition, from 1."""
    profile: str
    model: str
    """`provider:model` that served most of its requests; empty where that is not known."""
    passed: bool | None
    """None where it says nothing of the model: its provider failed, or it could not be started or checked."""
    why: str = ""
    cost: float | None = None
    seconds: float = 0.0
    tokens: int = 0
    """Of all requests, without those that a cache answered."""
    commit: str = ""
    at: float = 0.0
    version: str = ""
    """Of agentdeck."""

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.bench, self.task, self.tier, self.number

    def to_line(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> BenchResult:
        """Raise TypeError, ValueError or KeyError where `data` is no result."""
        result = cls(**data)
        if not (isinstance(result.tier, str) and isinstance(result.number, int)):
            raise TypeError("not a result")
        if result.passed not in (True, False, None):
            raise ValueError("passed is true, false or null")
        return result


@dataclass(frozen=True, slots=True)
class Rate:
    """How often runs passed, and what they took on average."""

    name: str
    runs: int
    """That count."""
    passed: int
    uncounted: int = 0
    cost: float | None = None
    """Of one run, in US dollars; None where it is not known of all."""
    seconds: float = 0.0
    tokens: float = 0.0

    @property
    def rate(self) -> float:
        return self.passed / self.runs if self.runs else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.passed, self.runs)


def wilson(passed: int, runs: int) -> tuple[float, float]:
    """The 95 % interval of a rate, after Wilson; (0, 1) where nothing ran."""
    if not runs:
        return 0.0, 1.0
    share, square = passed / runs, _Z * _Z
    middle = (share + square / (2 * runs)) / (1 + square / runs)
    half = _Z / (1 + square / runs) * math.sqrt(share * (1 - share) / runs + square / (4 * runs * runs))
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def rates(results: Iterable[BenchResult], by: Callable[[BenchResult], str]) -> list[Rate]:
    """The rates of each group, in the order of their names."""
    groups: dict[str, list[BenchResult]] = {}
    for result in results:
        groups.setdefault(by(result), []).append(result)
    return [_rate(name, group) for name, group in sorted(groups.items())]


def _rate(name: str, group: Sequence[BenchResult]) -> Rate:
    counted = [each for each in group if each.passed is not None]
    if not counted:
        return Rate(name, 0, 0, len(group))
    costs = [each.cost for each in counted if each.cost is not None]
    return Rate(
        name,
        len(counted),
        sum(bool(each.passed) for each in counted),
        len(group) - len(counted),
        sum(costs) / len(costs) if len(costs) == len(counted) else None,
        sum(each.seconds for each in counted) / len(counted),
        sum(each.tokens for each in counted) / len(counted),
    )
