"""Every key of the main screen does what the help says, on a real agent."""

from __future__ import annotations

import pytest
from textual.widgets import Input, TextArea

from agentdeck.core.agents.agent import State
from agentdeck.engine.box import boxes
from agentdeck.errors import MissingToolError
from agentdeck.tui.dialogs.dialogs import Ask, Confirm
from agentdeck.tui.dialogs.newagent import LOADING, OTHER, NewAgent
from agentdeck.tui.list.detail import Detail
from agentdeck.tui.list.order import Grouping, Order
from agentdeck.tui.list.table import AgentTable
from agentdeck.tui.screens.help import HelpScreen
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive, stands

_ASKS = "printf 'Do you want to proceed? '; read -r line; echo got:$line; exec sleep 1000"


def _line(on: Driver, text: str) -> str:
    return next(line for line in on.text().splitlines() if text in line)


def _table(on: Driver) -> AgentTable:
    return on.screen.query_one(AgentTable)


def test_n_starts_an_agent_from_the_dialog(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        await on.press("n")
        dialog = on.app.screen
        assert isinstance(dialog, NewAgent)
        await on.until(lambda: dialog.query_one("#profile").value != LOADING)  # type: ignore[attr-defined]
        dialog.query_one("#profile").value = "command"  # type: ignore[attr-defined]
        dialog.query_one(TextArea).text = "sh -c 'exec sleep 1000'"
        dialog.query_one("#name", Input).value = "fresh"
        await on.press("ctrl+s")
        await on.until(lambda: _table(on).selected == "fresh")
        await on.state("fresh", State.WORKING)

    drive(bench.deck(), script)
    assert bench.deck().agent("fresh").agent.argv == ("sh", "-c", "exec sleep 1000")


def test_the_permission_for_all_is_given_to_those_who_start_it_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no box can be had; in a full one it needs no second word."""

    def refuse(*_: object) -> None:
        raise MissingToolError("bwrap is not installed.")

    monkeypatch.setattr(boxes, "check_can_be", refuse)

    async def script(on: Driver) -> None:
        await on.press("n")
        dialog = on.app.screen
        assert isinstance(dialog, NewAgent)
        await on.until(lambda: dialog.query_one("#profile").value != LOADING)  # type: ignore[attr-defined]
        dialog.query_one("#profile").value = "demo"  # type: ignore[attr-defined]
        dialog.query_one(TextArea).text = "Anything"
        dialog.query_one("#name", Input).value = "free"
        dialog.query_one("#permission").value = "all"  # type: ignore[attr-defined]
        await on.press("ctrl+s")
        await on.sees("Start it again if you mean that.")
        assert on.app.screen is dialog
        await on.press("ctrl+s")
        await on.until(lambda: _table(on).selected == "free")
        await on.until(lambda: bench.deck().store.agent("free") is not None)

    drive(bench.deck(), script)
    assert bench.deck().agent("free").agent.permission == "all"


def test_what_was_typed_about_a_new_agent_is_kept_and_a_mistake_is_told(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        await on.press("n")
        await on.press(*"fix it", "escape", "n")
        dialog = on.app.screen
        assert isinstance(dialog, NewAgent)
        assert dialog.query_one(TextArea).text == "fix it"
        await on.until(lambda: dialog.query_one("#profile").value != LOADING)  # type: ignore[attr-defined]
        dialog.query_one("#profile").value = "command"  # type: ignore[attr-defined]
        dialog.query_one(TextArea).text = "unclosed 'quote"
        await on.press("ctrl+s")
        await on.sees("That is not a command line")
        dialog.query_one(TextArea).text = "true"
        dialog.query_one("#base").value = OTHER  # type: ignore[attr-defined]
        dialog.query_one("#other-base", Input).value = "no-such-branch"
        dialog.query_one("#name", Input).value = "Not a name"
        await on.press("ctrl+s")
        await on.sees("is not an agent's name")
        dialog.query_one("#name", Input).value = ""
        await on.press("ctrl+s")
        await on.sees("There is no branch, tag or commit “no-such-branch”.")
        assert on.app.screen is dialog

    drive(bench.deck(), script)


def test_s_asks_and_stops_and_r_resumes(bench: Bench) -> None:
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        await on.press("s")
        await on.sees("Stop fix?", "Keep it running")
        await on.press("enter")
        assert bench.deck().agent("fix").alive, "the safe answer is the first"
        await on.press("s", "y")
        await on.state("fix", State.STOPPED)
        await on.press("s")
        await on.until(lambda: "not running" in on.notices())
        await on.press("r")
        assert isinstance(on.app.screen, Ask)
        await on.press("enter")
        await on.state("fix", State.WORKING)

    drive(bench.deck(), script)


def test_x_says_what_would_be_lost_and_removes(bench: Bench) -> None:
    view = begin(bench, "fix")
    assert view.worktree is not None
    bench.write("new.txt", "1\n", cwd=view.worktree)
    bench.commit("new", cwd=view.worktree)

    async def script(on: Driver) -> None:
        await on.until(lambda: (row := on.screen.snapshot.row("fix")) and row.facts and row.facts.ahead)
        await on.press("x")
        assert isinstance(on.app.screen, Confirm)
        await on.sees("Remove fix?", "1 commit not in main", "stopped first")
        await on.press("escape", "x", "y")
        await on.until(lambda: not on.screen.snapshot.rows)
        await on.sees("No agents work on")

    drive(bench.deck(), script)
    assert bench.trash_refs()


def test_i_types_to_the_agent_and_y_answers_it(bench: Bench) -> None:
    begin(bench, "talk", "read -r line; echo got:$line; exec sleep 1000")
    begin(bench, "asks", _ASKS)

    async def script(on: Driver) -> None:
        deck = bench.deck()
        await on.until(lambda: len(on.screen.snapshot.rows) == 2)
        _table(on).select("talk")
        await on.press("y")
        await on.until(lambda: "asks nothing" in on.notices())
        await on.press("i", *"hello", "enter")
        await on.until(lambda: "got:hello" in deck.screen("talk"))
        status = deck.store.status("asks")
        from dataclasses import replace

        deck.store.set_status("asks", replace(status, state=State.WAITING, reason="permission"))
        await on.state("asks", State.WAITING)
        await on.press("tab")
        assert _table(on).selected == "asks"
        await on.sees("y yes", "N no")
        await on.press("y")
        await on.until(lambda: "got:" in deck.screen("asks"))

    drive(bench.deck(), script)


def test_b_sends_to_all_that_are_marked_and_run(bench: Bench) -> None:
    for name in ("one", "two", "three"):
        begin(bench, name, "read -r line; echo got:$line; exec sleep 1000" if name != "three" else "true")
    stands(bench, "three", State.DONE)

    async def script(on: Driver) -> None:
        await on.press("b")
        await on.until(lambda: "No agent is marked" in on.notices())
        await on.press("A", "b")
        await on.sees("not to three")
        await on.press(*"go", "enter")
        for name in ("one", "two"):
            await on.until(lambda name=name: "got:go" in bench.deck().screen(name))  # type: ignore[misc]
        await on.press("escape")
        assert not _table(on).marked
        await on.press("space")
        assert len(_table(on).marked) == 1

    drive(bench.deck(), script)


def test_tab_goes_round_those_that_need_a_person(bench: Bench) -> None:
    for name in ("a", "b"):
        begin(bench, name, "exit 1")
        stands(bench, name, State.FAILED)
    begin(bench, "c")

    async def script(on: Driver) -> None:
        await on.until(lambda: len(on.screen.snapshot.rows) == 3)
        _table(on).select("c")
        seen = []
        for _ in range(3):
            await on.press("tab")
            seen.append(_table(on).selected)
        assert seen == ["a", "b", "a"]

    drive(bench.deck(), script)


def test_slash_filters_letter_by_letter_and_escape_shows_all_again(bench: Bench) -> None:
    begin(bench, "fix-login", "exit 1")
    begin(bench, "docs", "exit 1")

    async def script(on: Driver) -> None:
        await on.until(lambda: len(_table(on).rows) == 2)
        await on.press("slash", *"flgn")
        assert [row.name for row in _table(on).rows] == ["fix-login"]
        assert _table(on).selected == "fix-login"
        await on.press("enter")
        assert _table(on).has_focus
        await on.press("escape")
        assert len(_table(on).rows) == 2

    drive(bench.deck(), script)


def test_order_groups_marks_and_tabs_by_key(bench: Bench) -> None:
    begin(bench, "zebra")
    begin(bench, "ant", "exit 1")
    stands(bench, "ant", State.FAILED)

    async def script(on: Driver) -> None:
        await on.until(lambda: len(_table(on).rows) == 2)
        await on.press("S")
        assert on.screen.order is Order.NAME
        await on.press("O")
        assert on.screen.grouping is Grouping.STATE
        await on.sees("failed (1)", "working (1)")
        detail = on.screen.query_one(Detail)
        for key, tab in {"d": "Diff", "e": "Events", "t": "Screen", "l": "Log", "h": "Commits"}.items():
            await on.press(key)
            assert detail.active == tab
        await on.press("z")
        assert not _table(on).region.height
        await on.press("escape")
        assert _table(on).has_focus
        assert _table(on).region.height

    drive(bench.deck(), script)


def test_help_names_every_key_and_the_theme_can_be_light(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        await on.press("question_mark")
        assert isinstance(on.app.screen, HelpScreen)
        await on.sees("Start a new agent", "agent.attach")
        await on.press("escape", "ctrl+t")
        assert not on.app.current_theme.dark
        await on.press("ctrl+p")
        await on.press(*"new agent")
        await on.sees("Start a new agent")

    drive(bench.deck(), script, (120, 60))


@pytest.mark.parametrize("key", ["enter", "o", "w"])
def test_without_a_terminal_to_lend_a_notice_says_so(bench: Bench, key: str) -> None:
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        await on.press(key)
        await on.until(lambda: "no terminal here" in on.notices())

    drive(bench.deck(), script)


def test_a_mouse_selects_marks_and_presses_keys(bench: Bench) -> None:
    begin(bench, "one")
    begin(bench, "two")

    async def script(on: Driver) -> None:
        await on.until(lambda: len(_table(on).rows) == 2)
        await on.pilot.click(AgentTable, offset=(10, 2))
        assert _table(on).selected == "two"
        await on.pilot.click(AgentTable, offset=(1, 1))
        assert _table(on).marked == {"one"}
        await on.pilot.click("#tabs", offset=(_line(on, "d Diff").index("d Diff") + 1, 0))
        assert on.screen.query_one(Detail).active == "Diff"
        await on.pilot.click("#keys", offset=(on.text().splitlines()[-1].index("? help") + 1, 0))
        assert isinstance(on.app.screen, HelpScreen)

    drive(bench.deck(), script)


def test_keys_can_be_given_others(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        await on.sees("% new")
        await on.press("percent_sign")
        assert isinstance(on.app.screen, NewAgent)
        await on.until(lambda: "no key “nonsense”" in on.notices())

    bench.write("agentdeck.toml", '[keys]\n"deck.new" = "%"\nnonsense = "k"\n')
    drive(bench.deck(), script)


def test_an_agent_that_goes_takes_neither_selection_nor_app_with_it(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        begin(bench, name, "true")
        stands(bench, name, State.DONE)

    async def script(on: Driver) -> None:
        await on.until(lambda: len(_table(on).rows) == 3)
        await on.press("down")
        assert _table(on).selected == "b"
        bench.deck().remove("b")
        await on.until(lambda: len(_table(on).rows) == 2)
        assert _table(on).selected == "c"

    drive(bench.deck(), script)
