"""Whether a repository may still spend, and why not: `python -m agentdeck.engine.providers.unpaid FOLDER` prints it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agentdeck.core.providers.spent import Spent
from agentdeck.engine.providers import gateways
from agentdeck.engine.providers.counting import midnight
from agentdeck.engine.world import World
from agentdeck.system.gateway.ledger import FILE, Ledger
from agentdeck.system.git.repository import Repository


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
            if text := Spent.of_rows(rows).over(limit):
                return f"waits for {what}: {text} spent"
    return ""


if __name__ == "__main__":
    os.write(1, unpaid(World.of(Repository.find(Path(sys.argv[1])))).encode())
