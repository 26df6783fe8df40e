"""What was spent, beside a limit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from agentdeck.core.frozen import dataclass
from agentdeck.core.providers.token_usage import Usage

_COUNTS = ("input", "output", "cache_read", "cache_write")


class Limit(Protocol):
    @property
    def money(self) -> float | None: ...
    @property
    def tokens(self) -> int | None: ...


@dataclass(slots=True)
class Spent:
    money: float = 0.0
    """In US dollars."""
    tokens: int = 0
    """Of prompt (cached or not) and answer."""

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Spent:
        """What a row of the ledger's totals comes to."""
        return cls(row["cost"], Usage(*(row[each] or 0 for each in _COUNTS)).total)

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Spent:
        found = cls()
        for row in rows:
            found.add(cls.of_row(row))
        return found

    def add(self, other: Spent, sign: int = 1) -> None:
        self.money += sign * other.money
        self.tokens += sign * other.tokens

    def share(self, limit: Limit) -> float:
        """Of the limit that is nearest; 0 where there is none."""
        return max(_share(self.money, limit.money), _share(self.tokens, limit.tokens))

    def over(self, limit: Limit) -> str:
        """Which limit is reached, such as `$2.00 of $2.00`; empty where none is."""
        if limit.money is not None and self.money >= limit.money:
            return f"${self.money:.2f} of ${limit.money:.2f}"
        if limit.tokens is not None and self.tokens >= limit.tokens:
            return f"{self.tokens:,} of {limit.tokens:,} tokens"
        return ""


def _share(spent: float, limit: float | None) -> float:
    if limit is None:
        return 0.0
    return spent / limit if limit > 0 else math.inf
