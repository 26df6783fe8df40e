"""ctrl+f finds a text in all logs and changes, and Enter goes where it stands."""

from __future__ import annotations

from agentdeck.tui.list.detail import Detail
from agentdeck.tui.list.table import AgentTable
from agentdeck.tui.screens.search import SearchScreen
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive
from tests.tui.test_screens import done


def test_it_finds_changes_and_logs_of_all_agents_and_goes_there(bench: Bench) -> None:
    done(bench, "one", "src/app.py", "print('a Needle here')\n")
    begin(bench, "two", "for n in 1 2 3; do echo needle $n; done; seq 200; exec sleep 1000")

    async def script(on: Driver) -> None:
        await on.until(lambda: len(on.screen.snapshot.rows) == 2)
        await on.press("ctrl+f")
        await on.press(*"needle", "enter")
        on.shows(SearchScreen)
        await on.sees("in 2 agents", "src/app.py:1", "+ print('a Needle here')", "needle 3")
        await on.press("down", "enter")
        await on.until(lambda: on.app.screen is on.screen)
        await on.until(lambda: on.screen.query_one(AgentTable).selected == "two")
        await on.until(lambda: on.screen.query_one(Detail).active == "Log")
        await on.press("ctrl+f")
        await on.press(*"print('a", "enter")
        await on.sees("“print('a”: 1 match in 1 agent")
        await on.press("escape", "ctrl+f")
        await on.press(*"Nowhere", "enter")
        await on.sees("Nothing matches.")

    drive(bench.deck(), script)
