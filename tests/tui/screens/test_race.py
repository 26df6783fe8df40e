"""A race of a real deck: the table, the changes side by side, and the one that lands."""

from __future__ import annotations

from agentdeck.core.agents.agent import Mode
from agentdeck.engine.views import StartRequest
from agentdeck.tui.screens.race import RaceScreen
from tests.support.decks import CONFIG, Bench
from tests.support.racers import profile, writing
from tests.support.retry import eventually
from tests.tui.pilots import Driver, drive


def test_it_compares_two_and_lands_one(bench: Bench) -> None:
    bench.write("agentdeck.toml", CONFIG + '\n[landing]\ngate = ["test ! -e broken"]\n')
    bench.commit("rules")
    profile(bench, "short", writing("a.txt", "one\n"))
    profile(bench, "long", writing("a.txt", "one\ntwo\n"))
    deck = bench.deck()
    request = StartRequest(task="write it", name="fix", mode=Mode.HEADLESS)
    deck.races.start(deck.races.prepare(request, "long,short"), request)

    async def script(on: Driver) -> None:
        await on.app.screen.run_action("race")
        on.shows(RaceScreen)
        await on.sees("fix-2", "fix-1", "passed", "+one", "│")
        await on.press("m")
        await on.sees("Land fix-2?", "fix-1 are removed")
        await on.press("y")

    drive(deck, script)
    eventually(lambda: [view.name for view in deck.agents()] == ["fix-2"])
    assert (bench.root / "a.txt").read_text() == "one\n"
