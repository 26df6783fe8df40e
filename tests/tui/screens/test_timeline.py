"""The timeline of a real deck: who waited, and for how long."""

from __future__ import annotations

from agentdeck.core.agents.agent import State
from agentdeck.tui.screens.timeline import TimelineScreen
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive
from tests.tui.screens.test_inbox import asker


def test_it_shows_each_agent_and_who_waited(bench: Bench) -> None:
    asker(bench, "asks", "alpha")
    begin(bench, "works")

    async def script(on: Driver) -> None:
        await on.state("asks", State.WAITING)
        await on.press("Y")
        on.shows(TimelineScreen)
        await on.sees("the last hour", "works", "waiting for")
        await on.press("z")
        await on.sees("the last day")
        for width in (100, 60, 130):
            await on.pilot.resize_terminal(width, 30)
            await on.until(lambda width=width: width - 30 < on.text().splitlines()[1].find("now") < width)  # type: ignore[misc]

    drive(bench.deck(), script)
