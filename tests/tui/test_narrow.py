"""Little room or few colours: nothing is cut off in silence, and what is named is what works."""

from __future__ import annotations

import sys

import pytest
from textual.geometry import Offset

from agentdeck.core.agents.agent import State
from agentdeck.tui.list.detail import Detail
from agentdeck.tui.list.table import AgentTable
from agentdeck.tui.list.tabs import TabBar
from tests.support.decks import Bench
from tests.support.terminal import terminal
from tests.tui.pilots import Driver, begin, drive, stands


def test_the_help_breaks_its_sentences_under_their_beginning(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        await on.press("question_mark")
        await on.sees("agent.attach")
        shown = [line for line in on.text().splitlines() if "│" in line]
        first = next(line.index("Attach to") for line in shown if "Attach to" in line)
        for text in ("agent.attach", "Type a line", "agent.type"):
            assert next(line.index(text) for line in shown if text in line) == first, text

    drive(bench.deck(), script, (80, 24))


def test_a_list_with_a_bar_leaves_room_for_it(bench: Bench) -> None:
    for name in ("a", "b", "c", "d", "e"):
        begin(bench, name, "true", task="A task that says more than a line has room for")
        stands(bench, name, State.DONE)

    async def script(on: Driver) -> None:
        await on.until(lambda: len(on.screen.snapshot.rows) == 5)
        await on.press("O", "O")
        table = on.screen.query_one(AgentTable)
        await on.until(lambda: table.show_vertical_scrollbar)
        row = table.render_line(2)
        assert row.cell_length == table.scrollable_content_region.width < table.region.width
        assert row.text.rstrip().endswith("s")

    drive(bench.deck(), script, (60, 14))


def test_in_a_tab_the_line_of_keys_names_the_way_back(bench: Bench) -> None:
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        await on.sees("n new", "/ find")
        await on.press("l", "right")
        await on.until(lambda: " esc back " in on.text().splitlines()[-1])
        line = on.text().splitlines()[-1]
        assert "s stop" in line
        assert "→ into tab" not in line
        await on.press("escape")
        await on.until(lambda: "n new" in on.text().splitlines()[-1])

    drive(bench.deck(), script)


def test_a_start_that_ends_while_one_filters_takes_no_keys_away(bench: Bench) -> None:
    for name in ("basket", "search"):
        begin(bench, name)

    async def script(on: Driver) -> None:
        await on.state("search", State.WORKING)
        await on.press("slash", *"bas")
        on.screen.begun("search")
        on.screen.show(on.screen.snapshot)
        await on.press("k", "enter")
        await on.until(lambda: on.screen.query_one(AgentTable).has_focus)
        assert on.screen.filter == "bask"
        assert on.screen.query_one(AgentTable).selected == "basket"

    drive(bench.deck(), script)


def test_a_filter_opened_right_after_escape_keeps_the_keys(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        on.screen.action_back()
        await on.screen.action_find()
        await on.pilot.pause()
        await on.press(*"sq")
        assert on.screen.filter == "sq"

    drive(bench.deck(), script)


def test_tabs_without_room_for_their_words_are_keys_that_can_be_clicked(bench: Bench) -> None:
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        await on.sees("t Screen  l d h V $ e")
        line = next(line for line in on.text().splitlines() if "t Screen" in line)
        await on.pilot.click(TabBar, offset=Offset(line.index("$ e") + 2, 0))
        assert on.screen.query_one(Detail).active == "Events"
        await on.sees("t l d h V $  e Events")

    drive(bench.deck(), script, (60, 20))


def test_the_palette_has_our_commands_and_none_that_belongs_to_the_library(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        await on.press("ctrl+p")
        await on.sees("Attach  ⏎")
        await on.press(*"choose")
        await on.sees("Choose a theme", "the one you choose is kept")
        await on.press(*["backspace"] * 6, *"maximize")
        await on.sees("No matches found")

    drive(bench.deck(), script)


@pytest.mark.parametrize("few", [True, False])
def test_with_sixteen_colours_the_selected_row_is_reversed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, few: bool
) -> None:
    begin(bench, "fix")
    for module in ("list.table", "app"):
        monkeypatch.setattr(f"agentdeck.tui.{module}.has_few_colours", lambda app: few)

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        row = on.screen.query_one(AgentTable).render_line(1)
        assert all(bool(segment.style and segment.style.reverse) is few for segment in row if segment.text.strip())
        assert on.app.has_class("-few-colours") is few

    drive(bench.deck(), script)


def test_a_terminal_says_how_many_colours_it_has(bench: Bench) -> None:
    begin(bench, "fix")
    for term, colour in (("xterm", "\x1b[7m"), ("xterm-256color", "\x1b[48;5;")):
        argv = ["env", "-u", "COLORTERM", f"TERM={term}", sys.executable, "-m", "agentdeck"]
        with terminal(argv, bench.root, (80, 24)) as on:
            on.sees("● working", "q quit")
            line = next(
                line for line in on.tmux("capture-pane", "-pe", "-t", "it").splitlines() if "● " in line and "▌" in line
            )
            assert colour in line or "\x1b[1;7m" in line, line


def test_a_command_of_several_lines_is_one_line_in_the_list(bench: Bench) -> None:
    begin(bench, "fix", "n=0\nwhile :; do\n    sleep 1\ndone")

    async def script(on: Driver) -> None:
        await on.sees("sh -c n=0 while :; do sleep 1 done")

    drive(bench.deck(), script)


def test_the_palette_opens_pages_of_text(bench: Bench) -> None:
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        for words, shown in (("digest", "At work:"), ("brief of", "Next steps:"), ("schedules", "has no schedules")):
            await on.press("ctrl+p", *words.replace(" ", "_").split("_")[0], "enter")
            await on.sees(shown)
            await on.press("escape")

    drive(bench.deck(), script)
