"""Whether a repository may still spend, and why not: `python -m agentdeck.engine.providers.unpaid FOLDER` prints it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.engine.providers import gateways
from agentdeck.engine.providers.counting import midnight
from agentdeck.engine.world import World
from agentdeck.system.gateway.ledger import FILE, Ledger
from agentdeck.system.git.repository import Repository

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import Limit


def unpaid(world: World) -> str:
    """Which budget of the repository is spent, as the reason to wait; empty where none is, or where a local model goes
    on then. Raise DeckError where that can't be told."""
    budgets, state = world.safe_settings.config.budgets, gateways.files().state
    if budgets.at_limit == "local" or not (state / FILE).exists():
        return ""
    for what, limit, since in (
        ("the repository's budget", budgets.deck, 0.0),
        ("the budget of the day", budgets.day, midnight()),
    ):
        if limit.money is not None or limit.tokens is not None:
            with Ledger(state) as ledger:
                rows = [row for row in ledger.totals(("deck",), since) if row["deck"] == world.deck]
            if text := _spent(rows, limit):
                return f"waits for {what}: {text} spent"
    return ""


def _spent(rows: list[dict[str, float]], limit: Limit) -> str:
    money = sum(row["cost"] for row in rows)
    tokens = sum(row[each] or 0 for row in rows for each in ("input", "output", "cache_read", "cache_write"))
    if limit.money is not None and money >= limit.money:
        return f"${money:.2f} of ${limit.money:.2f}"
    if limit.tokens is not None and tokens >= limit.tokens:
        return f"{tokens:,.0f} of {limit.tokens:,} tokens"
    return ""


if __name__ == "__main__":
    os.write(1, unpaid(World.of(Repository.find(Path(sys.argv[1])))).encode())
