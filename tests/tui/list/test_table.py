"""The list of agents: what it makes anew as time passes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.tui.list import columns, table
from agentdeck.tui.list.table import AgentTable
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive


def test_only_agents_whose_age_reads_otherwise_are_made_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        begin(bench, name)
    made: list[str] = []
    cells = columns.cells

    def counted(layout: Any, row: Any, now: float) -> Any:
        made.append(row.name)
        return cells(layout, row, now)

    async def script(on: Driver) -> None:
        for name in ("first", "second"):
            await on.state(name, State.WORKING)
        on.app.feed.stop()
        await on.pilot.pause(0.2)
        shown = on.screen.query_one(AgentTable)
        first, second = sorted(row.view.since for row in shown.rows)
        monkeypatch.setattr(table, "cells", counted)
        monkeypatch.setattr(time, "time", lambda: second + 600)
        shown._repaint()
        made.clear()
        shown._repaint()
        assert made == []
        # The minute of the first is over a moment before that of the second.
        monkeypatch.setattr(time, "time", lambda: second + 660 - (second - first) / 2)
        shown._repaint()
        assert made == [next(row.name for row in shown.rows if row.view.since == first)]
        assert "11m" in on.text()

    drive(bench.deck(), script, (120, 36))
