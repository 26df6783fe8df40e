"""Verbs act on the marked agents where there are some, and say so."""

from __future__ import annotations

from agentdeck.core.agents.agent import State
from agentdeck.tui.dialogs.dialogs import Ask, Confirm
from agentdeck.tui.list.table import AgentTable
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive, stands


def test_three_marked_agents_are_stopped_resumed_and_removed_at_once(bench: Bench) -> None:
    for name in ("one", "two", "three"):
        begin(bench, name)
    begin(bench, "other")

    async def script(on: Driver) -> None:
        await on.until(lambda: len(on.screen.snapshot.rows) == 4)
        table = on.screen.query_one(AgentTable)
        for name in ("one", "two", "three"):
            table.select(name)
            await on.press("space")
        await on.sees("* 3 marked")
        await on.press("s")
        assert isinstance(on.app.screen, Confirm)
        await on.sees("Stop 3 agents?", "one is working.", "two is working.", "three is working.")
        await on.press("y")
        for name in ("one", "two", "three"):
            await on.state(name, State.STOPPED)
        await on.state("other", State.WORKING)
        await on.press("r")
        assert isinstance(on.app.screen, Ask)
        await on.sees("Resume 3 agents")
        await on.press("escape", "x")
        await on.sees("Remove 3 agents?", "one (stopped): its worktree", "three (stopped): its worktree")
        await on.press("y")
        await on.until(lambda: [row.name for row in on.screen.snapshot.rows] == ["other"], 40)

    drive(bench.deck(), script)
    assert [view.name for view in bench.deck().agents()] == ["other"]


def test_those_that_a_verb_does_not_fit_are_named(bench: Bench) -> None:
    begin(bench, "alive")
    begin(bench, "ended", "true")
    stands(bench, "ended", State.DONE)

    async def script(on: Driver) -> None:
        await on.until(lambda: len(on.screen.snapshot.rows) == 2)
        await on.press("A", "r")
        await on.sees("Resume ended")
        await on.until(lambda: "alive is still running; i types to it." in on.notices())
        await on.press("escape", "A")

    drive(bench.deck(), script)


def test_typing_to_an_agent_that_ended_offers_to_resume_it(bench: Bench) -> None:
    begin(bench, "ended", "true")
    stands(bench, "ended", State.DONE)

    async def script(on: Driver) -> None:
        await on.until(lambda: (row := on.screen.snapshot.row("ended")) is not None and not row.view.alive)
        await on.press("i")
        assert isinstance(on.app.screen, Ask)
        await on.sees("Resume ended")

    drive(bench.deck(), script)


def test_a_key_shows_only_the_agents_of_a_state_and_again_all(bench: Bench) -> None:
    begin(bench, "calm")
    begin(bench, "broken", "exit 3")
    stands(bench, "broken", State.FAILED)

    async def script(on: Driver) -> None:
        await on.until(lambda: len(on.screen.snapshot.rows) == 2)
        table = on.screen.query_one(AgentTable)
        for key, names in (("F", ["broken"]), ("B", ["calm"]), ("W", []), ("W", ["broken", "calm"])):
            await on.press(key)
            assert [row.name for row in table.rows] == names
        await on.press("F")
        await on.sees("only failed", "1/2 agents")
        await on.press("escape")
        assert len(table.rows) == 2

    drive(bench.deck(), script)


def test_a_label_goes_to_its_agent(bench: Bench) -> None:
    begin(bench, "one")
    begin(bench, "two")

    async def script(on: Driver) -> None:
        await on.until(lambda: len(on.screen.snapshot.rows) == 2)
        table = on.screen.query_one(AgentTable)
        names = [row.name for row in table.rows]
        await on.press("apostrophe")
        await on.sees(" 1 " + names[0])
        await on.press("2")
        assert table.selected == names[1]
        assert on.app.screen is on.screen

    drive(bench.deck(), script)
