"""The Usage tab: what an agent's processes take of the machine."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from agentdeck.core.providers.token_usage import Usage as TokenUsage
from agentdeck.core.text.text import short_count
from agentdeck.engine.providers import gateways
from agentdeck.system.gateway.ledger import Ledger, LedgerRecord
from agentdeck.system.machine.usage import tree_of
from agentdeck.tui.panes import usage
from agentdeck.tui.panes.usage import UsagePane
from tests.support.decks import Bench
from tests.tui.panes.opened import Pilot, begin, on_pane


def test_processes_disk_and_a_history_are_shown(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_PACE", 0.2)
    begin(bench, "fix", "while :; do :; done & exec sleep 1000")

    async def script(on: Pilot[UsagePane]) -> None:
        await on.until(lambda: bench.deck().agent("fix").status.runner_pid)
        on.follow(bench, "fix")
        await on.sees("processor", "memory", "disk", "PID", "sleep 1000", "agentdeck.engine.runner", "most ")
        await on.until(lambda: len(on.pane._samples["fix"]) > 3)
        # The busy loop takes what it can get.
        await on.until(lambda: max(sample.cpu for sample in on.pane._samples["fix"]) > 10)
        on.pane.set_active(False)
        held = len(on.pane._samples["fix"])
        await on.pilot.pause(0.6)
        assert len(on.pane._samples["fix"]) <= held + 1

    on_pane(UsagePane, bench, script)


def test_one_that_has_ended_uses_only_disk(bench: Bench) -> None:
    begin(bench, "fix", "true")

    async def script(on: Pilot[UsagePane]) -> None:
        await on.until(lambda: not bench.deck().agent("fix").alive)
        on.pane.show(bench.deck().agent("fix"))
        await on.sees("fix is not running (done)", "KiB")

    on_pane(UsagePane, bench, script)


def test_a_tree_has_parents_before_children_and_none_for_a_pid_that_is_gone() -> None:
    own = tree_of(os.getpid())
    assert own[0].pid == os.getpid()
    assert own[0].depth == 0
    assert own[0].rss_bytes > 0
    assert tree_of(2**22 + 1) == []


def test_tokens_and_cost_come_from_the_ledger_and_only_where_there_are_any(bench: Bench) -> None:
    begin(bench, "fix")
    begin(bench, "other")
    deck = bench.deck()
    now = time.time()
    deck.store.save(replace(deck.agent("fix").agent, created=now - 10_000))
    with Ledger(gateways.files().state) as ledger:
        for at, name, tokens in ((now - 90, "fix", 1000), (now - 7200, "fix", 500_000), (now, "other", 7)):
            used = TokenUsage(tokens, 20, 3, 0)
            ledger.add(
                LedgerRecord(
                    at, deck.name, name, "deep", "messages", "big-model", "p", "big-model", usage=used, cost=1.5
                )
            )

    async def script(on: Pilot[UsagePane]) -> None:
        on.pane.show(deck.agent("fix"))
        await on.sees("cost", "$3.00", "tokens by hour", "big-model", "501k", "40")
        begin(bench, "free")
        on.pane.show(deck.agent("free"))
        await on.sees("disk")
        assert "$" not in on.text()

    on_pane(UsagePane, bench, script)


def test_counts_are_short() -> None:
    assert [short_count(each) for each in (0, 999, 1000, 12_345, 123_456, 9_876_543)] == [
        "0",
        "999",
        "1.0k",
        "12.3k",
        "123k",
        "9.9M",
    ]
