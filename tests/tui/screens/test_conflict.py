"""The conflict view shows both sides, and each of its ways out does what it says."""

from __future__ import annotations

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import StartRequest
from agentdeck.tui.dialogs.dialogs import Choose, Confirm
from agentdeck.tui.list.table import AgentTable
from agentdeck.tui.screens.conflict import ConflictScreen
from agentdeck.tui.screens.queue import QueueScreen
from agentdeck.tui.screens.radar import RadarScreen
from tests.engine.landing.test_resolving import MERGER, SCRIPT
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.tui.pilots import Driver, drive, stands
from tests.tui.test_screens import done


async def open_view(on: Driver, name: str) -> None:
    await on.until(lambda: on.screen.snapshot.row(name))
    on.screen.query_one(AgentTable).select(name)
    await on.press("v")
    on.shows(ConflictScreen)


def test_both_sides_are_shown_with_who_wrote_them_for_which_task(bench: Bench) -> None:
    done(bench, "one", "src/app.py", "print('one')\n")
    done(bench, "two", "src/app.py", "print('two')\n", commit=False)

    async def script(on: Driver) -> None:
        await open_view(on, "one")
        await on.sees("src/app.py:1", "print('one')", "print('two')", "Do one", "Do two")
        await on.press("I")
        assert "conflict with each other: one lands first" in on.notices()
        await on.press("J")
        on.shows(Choose)
        await on.sees("Land one first; two resolves", "Land two first; one resolves")
        await on.press("escape", "escape", "R")
        await on.until(lambda: isinstance(on.app.screen, RadarScreen) and on.app.screen.selected)
        await on.press("v")
        on.shows(ConflictScreen)

    drive(bench.deck(), script)


def test_the_landing_in_the_way_can_be_undone_so_that_another_lands_first(bench: Bench) -> None:
    done(bench, "one", "src/app.py", "print('one')\n")
    done(bench, "two", "src/app.py", "print('two')\n")
    before = bench.git("rev-parse", "main")
    bench.deck().land(LandRequest(("two",)))

    async def script(on: Driver) -> None:
        await open_view(on, "one")
        await on.sees("two: Do two", "let it resolve", "resolve by hand")
        await on.press("J")
        await on.sees("Undo the landing of two")
        await on.press("enter")
        await on.until(lambda: isinstance(on.app.screen, Confirm))
        await on.press("y")
        await on.until(lambda: bench.git("rev-parse", "main") == before)

    drive(bench.deck(), script)


def test_a_resolution_by_hand_without_a_terminal_changes_nothing_and_says_so(bench: Bench) -> None:
    done(bench, "one", "src/app.py", "print('one')\n")
    bench.write("src/app.py", "print('base')\n")
    before = bench.commit("Change it")

    async def script(on: Driver) -> None:
        await open_view(on, "one")
        await on.sees("Test: Change it")
        await on.press("I")
        await on.sees("Resolve the conflict of one by hand?")
        await on.press("y")
        on.shows(QueueScreen)
        await on.sees("set aside", "There is no terminal here")
        await on.press("escape")
        await on.state("one", State.DONE)

    drive(bench.deck(), script)
    assert bench.git("rev-parse", "main") == before
    assert bench.deck().store.names() == ["one"]


def test_the_agent_is_asked_to_resolve_it_and_lands(bench: Bench) -> None:
    bench.write(".config/agentdeck/profiles/merger.toml", MERGER.format(script=SCRIPT), cwd=bench.home)
    finished(bench, "one", {"src/app.py": "one\n"})
    bench.deck().start(StartRequest(name="two", task="two", profile="merger", mode=Mode.HEADLESS))
    stands(bench, "two", State.DONE)
    bench.deck().land(LandRequest(("one",)))

    async def script(on: Driver) -> None:
        await open_view(on, "two")
        await on.sees("let it resolve")
        await on.press("H")
        await on.sees("Let two resolve its conflict?", "1 place")
        await on.press("escape")
        assert isinstance(on.app.screen, ConflictScreen)
        await on.press("H")
        await on.press("y")
        on.shows(QueueScreen)
        await on.until(lambda: "two landed on main" in on.notices())
        await on.press("escape")
        await on.state("two", State.LANDED)

    drive(bench.deck(), script)
    assert (bench.root / "src/app.py").read_text() == "two\n"
