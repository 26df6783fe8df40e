"""Below the cards of a large terminal: the last hour and the conflicts, where there is room for them."""

from __future__ import annotations

import time

import pytest
from textual.content import Content
from textual.widgets import Static

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event
from agentdeck.engine.deck import Deck
from agentdeck.errors import StoreError
from agentdeck.tui.list.overview import Overview
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive, stands


def test_the_last_hour_stands_below_the_cards_where_there_is_room(bench: Bench) -> None:
    bench.write("a.txt", "one\n")
    bench.commit("base")
    for name in ("first", "second"):
        view = begin(bench, name, "exec sleep 1000")
        assert view.worktree is not None
        bench.write("a.txt", f"{name}\n", cwd=view.worktree)
        bench.commit(name, cwd=view.worktree)
    begin(bench, "broken", "exit 3")
    stands(bench, "broken", State.FAILED)

    async def script(on: Driver) -> None:
        await on.sees("last hour", "✗ first conflicts with second")
        await on.until(lambda: "━" in on.text() and "✗" in str(on.screen.query_one("#overview-lines").render()))
        await on.pilot.resize_terminal(200, 18)
        await on.until(lambda: not on.screen.query_one(Overview).display)
        await on.pilot.resize_terminal(120, 50)
        await on.pilot.pause(0.1)
        assert not on.screen.query_one(Overview).display

    drive(bench.deck(), script, (200, 50))


def test_an_agent_whose_events_cannot_be_read_hides_no_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        begin(bench, name, "exec sleep 1000")
    events = Deck.events

    def read(deck: Deck, name: str) -> list[Event]:
        if name == "first":
            raise StoreError("The events of first can't be read.")
        return events(deck, name)

    monkeypatch.setattr(Deck, "events", read)

    async def script(on: Driver) -> None:
        await on.sees("last hour")
        lines = on.screen.query_one("#overview-lines")
        await on.until(lambda: "━" in str(lines.render()))
        first, second = str(lines.render()).splitlines()[:2]
        assert ("━" in first, "━" in second) == (False, True)

    drive(bench.deck(), script, (200, 50))


def test_a_last_hour_that_is_as_before_is_not_painted_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(bench, "first", "exec sleep 1000")

    async def script(on: Driver) -> None:
        await on.sees("last hour")
        shown = on.screen.query_one("#overview-lines", Static)
        await on.until(lambda: "━" in str(shown.render()))
        updated: list[Content] = []
        now = time.time()
        monkeypatch.setattr(shown, "update", updated.append)
        monkeypatch.setattr(time, "time", lambda: now)
        overview = on.screen.query_one(Overview)
        overview._paint()
        updated.clear()
        overview._paint()
        assert updated == []
        overview._courses = {}
        overview._paint()
        assert len(updated) == 1

    drive(bench.deck(), script, (200, 50))
