"""Below the cards of a large terminal: the last hour and the conflicts, where there is room for them."""

from __future__ import annotations

from agentdeck.core.agents.agent import State
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
