from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agentdeck.core.providers.token_usage import Usage
from agentdeck.errors import StoreError
from agentdeck.gateway.metrics import Metrics
from agentdeck.system.gateway.ledger import FILE, Ledger, LedgerRecord


def record(agent: str, at: float, output: int) -> LedgerRecord:
    usage = Usage(input=1, output=output, cache_read=2, cache_write=3)
    faults = ["spare: 500 — ü"]
    return LedgerRecord(
        at, "deck", agent, "work", "chat", "m", "main", "m", "ok", 200, usage, 0.1, 0.5, 2, faults, 0.25, "one:m", 0.5
    )


def test_what_was_added_is_read_and_summed(tmp_path: Path) -> None:
    added = [record("fox", 1000.0, 5), record("owl", 2000.0, 7), record("fox", 200_000.0, 9)]
    with Ledger(tmp_path) as ledger:
        assert ledger.totals() == []
        for one in added:
            ledger.add(one)
    with Ledger(tmp_path) as ledger:
        assert list(ledger.records()) == added
        assert list(ledger.records(since=2000.0)) == added[1:]
        by_agent = {row["agent"]: (row["requests"], row["output"]) for row in ledger.totals(["agent"])}
        assert by_agent == {"fox": (2, 14), "owl": (1, 7)}
        assert [row["requests"] for row in ledger.totals(["day"])] == [2, 1]
        assert ledger.totals(since=2000.0)[0]["output"] == 16
        with pytest.raises(ValueError, match="not one of"):
            ledger.totals(["agent; DROP TABLE requests"])


def test_a_ledger_from_before_there_were_costs_is_taken_on(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add(record("fox", 1000.0, 5))
    with sqlite3.connect(tmp_path / FILE) as database:
        for column in ("cost", "first", "first_cost"):
            database.execute(f"ALTER TABLE requests DROP COLUMN {column}")
    database.close()
    with Ledger(tmp_path) as reader, Ledger(tmp_path, writes=True) as ledger:
        assert [(each.cost, each.first) for each in reader.records()] == [(None, "")]
        ledger.add(record("fox", 2000.0, 5))
        assert [(each.cost, each.first_cost) for each in reader.records()] == [(None, None), (0.25, 0.5)]
        (row,) = ledger.totals(["agent"])
        assert (row["cost"], row["unpriced"]) == (0.25, 1)


def test_what_is_too_old_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        for at in (1000.0, 2000.0, 3000.0):
            ledger.add(record("fox", at, 5))
        ledger.forget(before=2000.0)
        assert [each.at for each in ledger.records()] == [2000.0, 3000.0]


def test_a_file_that_is_no_ledger_is_said_so(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("no database at all, but long enough to be looked at as one" * 20)
    with pytest.raises(StoreError, match="ledger"):
        Ledger(tmp_path)


def test_metrics_are_prometheus_text(tmp_path: Path) -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.add(record('f"o\nx\\', 1.0, 5))
    text = metrics.text(in_flight=3)
    assert "agentdeck_requests_in_flight 3\n" in text
    assert next(line for line in text.splitlines() if line.startswith("agentdeck_cost")).endswith(" 0.5")
    line = next(line for line in text.splitlines() if 'kind="output"' in line)
    assert 'agent="f\\"o\\nx\\\\"' in line
    assert line.endswith(" 10")
