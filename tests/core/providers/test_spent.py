"""What was spent, beside a limit."""

from __future__ import annotations

from typing import Any

import pytest

from agentdeck.core.config.gateway import Limit
from agentdeck.core.providers.spent import Spent

ROWS: list[dict[str, Any]] = [
    {"cost": 1.5, "input": 100, "output": 20, "cache_read": 3000, "cache_write": 7},
    {"cost": 0.5, "input": None, "output": 3, "cache_read": None, "cache_write": 0},
]


def test_all_tokens_of_a_ledger_count_those_from_the_cache_too() -> None:
    assert Spent.of_rows(ROWS) == Spent(2.0, 3130)


@pytest.mark.parametrize(
    ("limit", "over", "share"),
    [
        (Limit(), "", 0.0),
        (Limit(money=4.0), "", 0.5),
        (Limit(money=2.0, tokens=10**6), "$2.00 of $2.00", 1.0),
        (Limit(money=3.0, tokens=3130), "3,130 of 3,130 tokens", 1.0),
        (Limit(money=0.0), "$2.00 of $0.00", float("inf")),
    ],
)
def test_the_nearest_limit_is_told(limit: Limit, over: str, share: float) -> None:
    spent = Spent.of_rows(ROWS)
    assert spent.over(limit) == over
    assert spent.share(limit) == share
