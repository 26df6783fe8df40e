"""A run waits while its repository's budget is spent, and begins when it no longer is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agentdeck.core.agents.admission import Admission, Lack, Obstacle
from agentdeck.core.agents.orders import Orders
from agentdeck.core.providers.token_usage import Usage
from agentdeck.engine.providers import gateways
from agentdeck.engine.providers.unpaid import unpaid
from agentdeck.engine.runner.admission import Waiting
from agentdeck.system.gateway.ledger import Ledger, LedgerRecord
from tests.support.decks import Bench, world_of


def spend(deck: str, cost: float, at: float) -> None:
    with Ledger(gateways.files().state) as ledger:
        ledger.add(LedgerRecord(at, deck, "fox", "work", "chat", "m", usage=Usage(700, 300), cost=cost))


@pytest.mark.parametrize(
    ("budgets", "text"),
    [
        ("deck = {}", ""),
        ("deck = { money = 3 }", ""),
        ("deck = { money = 2.5 }", "waits for the repository's budget: $2.50 of $2.50 spent"),
        ("deck = { tokens = 1_500 }", "waits for the repository's budget: 2,000 of 1,500 tokens spent"),
        ('at_limit = "local"\ndeck = { money = 1 }', ""),
        ("day = { money = 2 }", ""),
        ("day = { money = 0.5 }", "waits for the budget of the day: $0.50 of $0.50 spent"),
    ],
)
def test_which_budget_is_spent(bench: Bench, budgets: str, text: str) -> None:
    bench.own(f"[budgets]\n{budgets}\n")
    world = world_of(bench.deck())
    world.store.open()
    assert unpaid(world) == ""
    spend(world.deck, 2.0, time.time() - 2 * 86400)
    spend(world.deck, 0.5, time.time())
    spend("another", 9.0, time.time())
    assert unpaid(world) == text


def test_a_run_waits_until_its_budget_is_raised(bench: Bench, tmp_path: Path) -> None:
    bench.own("[budgets]\ndeck = { money = 1 }\n")
    world = world_of(bench.deck())
    world.store.open()
    spend(world.deck, 2.0, time.time())
    rules = Admission(str(tmp_path / "queue"), budgets=str(bench.root))
    where = str(bench.root)
    said: list[Obstacle] = []
    orders = Orders("fox", "run", world.deck, ("true",), where, where, where, where, admission=rules)
    waiting = Waiting(orders, tmp_path, said.append)
    waiting.tick(100.0)
    assert [(each.lack, each.text) for each in said] == [
        (Lack.BUDGET, "waits for the repository's budget: $2.00 of $1.00 spent")
    ]
    bench.own("[budgets]\ndeck = { money = 5 }\n")
    over = []
    for now in (110.0, 131.0):  # it looks again after half a minute
        waiting.tick(now)
        over.append(waiting.is_over)
    assert over == [False, True]
    waiting.leave()
