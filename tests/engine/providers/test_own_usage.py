"""What agents on their own login took, beside what the gateway saw."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from agentdeck.core.providers.token_usage import Usage
from agentdeck.engine.providers import gateways
from agentdeck.engine.providers.own_usage import OWN
from agentdeck.engine.providers.spending import of_agent, own_costs, spending
from agentdeck.system.gateway.ledger import Ledger, LedgerRecord
from agentdeck.system.state.store import usage_file
from tests.support.cli import put_agent
from tests.support.decks import Bench, world_of

MODEL = "claude-sonnet-4-5"


def request(key: str, *, at: float | None = None, wired: bool = False, output: int = 100) -> dict[str, Any]:
    fields = {"at": time.time() if at is None else at, "key": key, "model": MODEL, "wired": wired}
    return fields | {"input": 1000, "output": output, "cache_read": 5000, "cache_write": 0}


def run_of(bench: Bench, name: str, *requests: dict[str, Any]) -> None:
    """A run of that agent that left a log and these requests."""
    log = bench.deck().store.open().new_log(name)
    log.write_text("")
    usage_file(log).write_text("".join(json.dumps(each) + "\n" for each in requests))


def outputs(bench: Bench, name: str) -> int:
    return sum(record.usage.output for record in of_agent(world_of(bench.deck()), name))


@pytest.fixture
def ledger(bench: Bench) -> Ledger:
    state = gateways.files().state
    state.mkdir(parents=True)
    return Ledger(state)


def served(bench: Bench, ledger: Ledger, name: str, at: float | None = None) -> None:
    usage = Usage(1000, 40, 5000)
    deck = world_of(bench.deck()).deck
    ledger.add(
        LedgerRecord(at or time.time(), deck, name, "", "", MODEL, "anthropic", MODEL, "ok", usage=usage, attempts=1)
    )


def test_a_request_that_is_told_again_counts_once_and_the_last_is_right(bench: Bench) -> None:
    run_of(bench, "a", request("m1", output=5), request("m1", output=80), request("m2"))
    run_of(bench, "a", request("m2"), request("m3"))  # it was resumed as a fork, which begins with the old session
    assert outputs(bench, "a") == 80 + 100 + 100
    found = spending(world_of(bench.deck()), "provider")
    assert [(line.name, line.requests) for line in found.lines] == [(OWN, 3)]
    assert found.total.cost > 0


def test_what_the_gateway_counted_is_not_counted_again(bench: Bench, ledger: Ledger) -> None:
    run_of(bench, "a", request("m1", wired=True), request("m2", wired=True))
    served(bench, ledger, "a")
    assert outputs(bench, "a") == 40


def test_a_request_that_ends_after_midnight_is_yesterdays_and_counts_once(bench: Bench, ledger: Ledger) -> None:
    world, midnight = world_of(bench.deck()), time.time() + 2
    run_of(bench, "a", request("m1", at=midnight + 3, wired=True))
    served(bench, ledger, "a", midnight - 1)
    assert spending(world, "provider", midnight).lines == ()
    assert [line.name for line in spending(world, "provider").lines] == ["anthropic"]


def test_another_profile_on_its_own_login_in_the_same_run_counts_too(bench: Bench, ledger: Ledger) -> None:
    run_of(bench, "a", request("m1", wired=True), request("c1", wired=False))
    served(bench, ledger, "a")
    assert outputs(bench, "a") == 40 + 100


def test_one_that_went_around_the_gateway_counts(bench: Bench, ledger: Ledger) -> None:
    run_of(bench, "a", request("m1", wired=True))
    served(bench, ledger, "b")
    assert outputs(bench, "a") == 100


def test_damaged_lines_are_skipped(bench: Bench) -> None:
    run_of(bench, "a", request("m1"))
    (usage,) = bench.deck().store.logs.glob("*.usage")
    with usage.open("a") as file:
        file.write('{"at": 1\n[]\n{"key": 3}\n')
    assert outputs(bench, "a") == 100


def test_the_dashboard_sums_up_own_logins(bench: Bench) -> None:
    run_of(bench, "a", request("m1", at=1000.0), request("m2"))
    total, today, tokens = own_costs(world_of(bench.deck()), time.time() - 60)["a"]
    assert tokens == 6100, "with those from the cache, as budgets count them"
    assert total == pytest.approx(2 * today)
    assert today == pytest.approx(1000 * 3e-6 + 100 * 15e-6 + 5000 * 0.3e-6)


def test_what_a_removed_agent_of_the_same_name_took_is_not_a_new_one_s(bench: Bench, ledger: Ledger) -> None:
    now = time.time()
    run_of(bench, "fix", request("m1", at=now - 100))
    deck = world_of(bench.deck()).deck
    usage = Usage(1000, 40, 5000)
    row = LedgerRecord(
        now - 90, deck, "fix", "", "", MODEL, "anthropic", MODEL, "ok", usage=usage, attempts=1, cost=0.5
    )
    ledger.add(row)
    put_agent(bench.root, "fix", since=now - 50)
    view = bench.deck().agent("fix")
    assert bench.deck().providers.cost_of(view) is None
    costs = bench.deck().providers.costs()
    assert not costs.agents.get("fix")
    assert costs.today > 0.5
    run_of(bench, "fix", request("m2", at=now))
    ledger.add(replace(row, at=now, cost=0.25))
    one = 1000 * 3e-6 + 100 * 15e-6 + 5000 * 0.3e-6
    assert bench.deck().providers.costs().agents["fix"] == pytest.approx(0.25 + one)


def test_a_backup_without_a_price_is_not_said_to_have_saved_anything(bench: Bench, ledger: Ledger) -> None:
    put_agent(bench.root, "a")
    world, usage = world_of(bench.deck()), Usage(1000, 40)
    row = LedgerRecord(time.time(), world.deck, "a", "work", "", "m", "spare", "m", "ok", usage=usage, first="main:big")
    for cost in (0.5, None):
        ledger.add(replace(row, cost=cost, first_cost=2.0))
    found = spending(world, "agent").backups
    assert (found.requests, found.cost, found.unpriced, found.saved) == (2, 0.5, 1, None)
