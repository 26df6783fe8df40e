"""The grid shows live screens, those that need a person first, and each cell is answered where it stands."""

from __future__ import annotations

from agentdeck.core.agents.agent import State
from agentdeck.tui.screens.grid import Cell, GridScreen
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive
from tests.tui.screens.test_inbox import asker, told


def cells(on: Driver) -> list[str]:
    return [cell.agent for cell in on.app.screen.query(Cell)]


def test_screens_are_live_and_questions_are_answered_in_their_cell(bench: Bench) -> None:
    begin(bench, "tick", 'n=0; while :; do n=$((n+1)); echo "tick $n"; sleep 0.2; done')
    begin(bench, "rest", "echo resting; exec sleep 1000")
    asker(bench, "asks", "alpha")
    begin(bench, "broken", "exit 3")

    async def script(on: Driver) -> None:
        await on.state("asks", State.WAITING)
        await on.state("broken", State.FAILED)
        await on.press("g")
        on.shows(GridScreen)
        await on.until(lambda: len(cells(on)) == 3)
        await on.press("tab")
        await on.sees("2 Always")
        # Only the keys at the foot: who has ended needs a person too, but is in no cell.
        assert on.text().count("next") == 1
        assert cells(on)[0] == "asks", "who needs a person comes first"
        await on.sees("3 running", "resting", "tick", "make alpha", "2 Always")
        now = on.text()
        await on.until(lambda: on.text() != now)
        await on.press("tab")
        screen = on.app.screen
        assert isinstance(screen, GridScreen)
        row = screen.selected_row()
        assert row is not None
        assert row.name == "asks"
        await on.press("2")
        await on.until(lambda: told(bench, "asks") == ["alpha 2"])
        await on.sees("ready")
        before = cells(on)
        await on.press("down")
        assert screen.selected_row() is not row
        bench.deck().stop("rest")
        await on.until(lambda: "rest" not in cells(on))
        assert cells(on) == [name for name in before if name != "rest"], "the others keep their places"
        await on.press("escape")
        assert on.app.screen is on.screen

    drive(bench.deck(), script)


def test_without_a_running_agent_it_says_so(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        await on.press("g")
        await on.sees("no agent is running")
        await on.press("1", "down", "tab", "enter")
        on.shows(GridScreen)

    drive(bench.deck(), script)
