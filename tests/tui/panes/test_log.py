"""The Log tab: lines with their times, followed, searched, filtered, and harmless."""

from __future__ import annotations

import re
import time
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.engine.views import AgentView
from agentdeck.tui.panes.log import LogPane
from agentdeck.tui.panes.loglines import LogView, breaks_of, text_of
from agentdeck.tui.panes.prompt import Prompt
from tests.support.decks import Bench
from tests.tui.panes.opened import Pilot, begin, on_pane

STAMP = "2026-11-24T04:45:10.123Z"


def _ended(bench: Bench, name: str = "fix") -> AgentView:
    begin(bench, name, "true")
    for _ in bench.deck().log_lines(name, follow=True):
        pass
    return bench.deck().agent(name)


def _with_log(bench: Bench, text: str) -> AgentView:
    """An agent that has ended, with this log."""
    view = _ended(bench)
    assert view.log is not None
    view.log.write_text(text)
    return view


def _numbered(count: int, text: str = "line") -> str:
    return "".join(f"{STAMP} {text} {number}\n" for number in range(count))


def _log(view: AgentView) -> Path:
    assert view.log is not None
    return view.log


def test_lines_come_with_their_times_as_they_are_printed(bench: Bench) -> None:
    view = begin(bench, "fix", "echo first; read line; echo second $line; exec sleep 1000")

    async def script(on: Pilot[LogPane]) -> None:
        on.pane.show(view)
        await on.sees("first")
        bench.deck().send("fix", "go")
        await on.sees("second go")
        line = next(line for line in on.lines() if "second go" in line)
        assert re.match(r"\d\d:\d\d:\d\d second go", line)

    on_pane(LogPane, bench, script)


def test_an_agent_that_printed_nothing_says_so(bench: Bench) -> None:
    view = begin(bench, "fix")
    _log(view).write_text("")

    async def script(on: Pilot[LogPane]) -> None:
        on.pane.show(view)
        await on.sees("fix has nothing in its log yet; t shows its screen.")
        on.pane.show(None)
        await on.sees("No agent is selected.")

    on_pane(LogPane, bench, script)


def test_scrolling_up_ends_following_and_counts_what_is_not_seen(bench: Bench) -> None:
    view = _with_log(bench, _numbered(100))

    async def script(on: Pilot[LogPane]) -> None:
        await on.open(view, "line 99")
        await on.press("pageup")
        before = on.lines()[:10]
        with _log(view).open("a") as log:
            log.write(_numbered(7, "late"))
        on.pane.look()
        await on.sees("7 new lines below")
        assert on.lines()[:10] == before
        assert "late" not in on.text()
        await on.press("end")
        await on.sees("late 6")
        assert "below" not in on.text()

    on_pane(LogPane, bench, script)


def test_a_search_counts_marks_and_walks_through_its_matches(bench: Bench) -> None:
    view = _with_log(bench, _numbered(200))

    async def script(on: Pilot[LogPane]) -> None:
        await on.open(view, "line 199")
        await on.press("slash", *"LiNE", "backspace", "backspace", "backspace", "backspace", *"e 5")
        await on.sees("“e 5”: 11 of 11")
        await on.press("enter")
        assert on.pane.lines.has_focus
        await on.press("left_square_bracket")
        await on.sees("“e 5”: 10 of 11", "line 58")
        await on.press("right_square_bracket")
        await on.sees("“e 5”: 11 of 11", "line 59")
        strip = on.pane.lines.render_line(on.lines().index(next(line for line in on.lines() if "line 59" in line)))
        hit = next(segment for segment in strip if segment.text == "e 5")
        assert hit.style is not None
        assert hit.style.bgcolor != on.pane.lines.rich_style.bgcolor
        await on.press("slash", *"no such", "enter")
        await on.sees("“no such”: no match")

    on_pane(LogPane, bench, script)


def test_a_capital_makes_the_search_tell_them_apart(bench: Bench) -> None:
    view = _with_log(bench, f"{STAMP} Error\n{STAMP} error\n")

    async def script(on: Pilot[LogPane]) -> None:
        await on.open(view, "error")
        await on.press("slash", *"error")
        await on.sees("2 of 2")
        await on.press(*["backspace"] * 5, *"Err")
        await on.sees("1 of 1")

    on_pane(LogPane, bench, script)


def test_the_filter_shows_only_what_matches_also_of_what_comes(bench: Bench) -> None:
    view = _with_log(bench, _numbered(100))

    async def script(on: Pilot[LogPane]) -> None:
        await on.open(view, "line 99")
        await on.press("ampersand", *"line 7", "enter")
        await on.sees("line 7\n", "line 79", "11 of the 100 lines")
        assert "line 8" not in on.text()
        with _log(view).open("a") as log:
            log.write(f"{STAMP} other\n{STAMP} line 777\n")
        on.pane.look()
        await on.sees("line 777", "12 of the 102 lines")
        assert "other" not in on.text()
        await on.press("ampersand", *["backspace"] * 6, "enter")
        await on.sees("other")

    on_pane(LogPane, bench, script)


def test_escape_leaves_the_prompt_and_keeps_what_was(bench: Bench) -> None:
    view = _with_log(bench, _numbered(10))

    async def script(on: Pilot[LogPane]) -> None:
        await on.open(view, "line 9")
        await on.press("slash", "escape")
        assert not on.pane.query_one(Prompt).display
        assert on.pane.lines.has_focus

    on_pane(LogPane, bench, script)


@pytest.mark.parametrize("wide", ["Z", "漢"])
def test_long_lines_wrap_on_demand(bench: Bench, wide: str) -> None:
    view = _with_log(bench, f"{STAMP} {wide * 110}END\n{STAMP} next\n")

    async def script(on: Pilot[LogPane]) -> None:
        await on.open(view, "next")
        assert "END" not in on.text()
        await on.press("backslash")
        await on.sees("END", "next")
        assert sum(line.count(wide) for line in on.lines()) == 110
        await on.press("backslash")
        await on.until(lambda: "END" not in on.text())

    on_pane(LogPane, bench, script, (60, 20))


def test_wrapping_goes_on_right_while_lines_come_and_go(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentdeck.system.state.logtail.MOST_LINES", 50)
    view = _with_log(bench, _numbered(40, "y" * 120))

    async def script(on: Pilot[LogPane]) -> None:
        await on.open(view, "yyy")
        await on.press("backslash")
        await on.sees("39")
        for round_ in range(3):
            with _log(view).open("a") as log:
                log.write(_numbered(30, f"{round_}" * 100) + f"{STAMP} round {round_}\n")
            on.pane.look()
            await on.sees(f"round {round_}")
            view_ = on.pane.lines
            assert view_.virtual_size.height == sum(view_._height(line) for line in view_.lines)
            assert view_._hits == []

    on_pane(LogPane, bench, script, (60, 20))


def test_what_is_far_up_is_read_when_one_goes_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentdeck.system.state.logtail.PIECE", 4096)
    monkeypatch.setattr("agentdeck.system.state.logtail.MOST_LINES", 500)
    view = _with_log(bench, f"{STAMP} the very first\n" + _numbered(2000))

    async def script(on: Pilot[LogPane]) -> None:
        await on.open(view, "line 1999")
        await on.press("slash", *"very first", "enter")
        await on.sees("no match here; [ searches further up")
        await on.press("left_square_bracket")
        await on.sees("the very first", "1 of 1")
        assert len(on.pane.lines.lines) <= 500
        await on.press("pagedown", "end")
        await on.sees("line 1999")

    on_pane(LogPane, bench, script)


def test_a_pane_that_is_not_seen_reads_nothing(bench: Bench) -> None:
    view = _with_log(bench, _numbered(3))

    async def script(on: Pilot[LogPane]) -> None:
        on.pane.show(view)
        await on.sees("line 2")
        on.pane.set_active(False)
        assert on.pane._watch is None
        held = len(on.pane.lines.lines)
        with _log(view).open("a") as log:
            log.write(_numbered(3, "hidden"))
        on.pane.look()
        await on.pilot.pause(0.3)
        assert len(on.pane.lines.lines) == held
        on.pane.set_active(True)
        await on.sees("hidden 2")

    on_pane(LogPane, bench, script)


def test_another_run_and_another_agent_take_the_place_of_the_first(bench: Bench) -> None:
    one, two = _ended(bench, "one"), _ended(bench, "two")
    _log(one).write_text(f"{STAMP} of one\n")
    _log(two).write_text(f"{STAMP} of two\n")

    async def script(on: Pilot[LogPane]) -> None:
        on.pane.show(one)
        await on.sees("of one")
        for view in (two, one, two, one):
            on.pane.show(view)
        await on.sees("of one")
        assert "of two" not in on.text()
        bench.deck().resume("one")
        on.pane.show(bench.deck().agent("one"))
        await on.until(lambda: "of one" not in on.text())

    on_pane(LogPane, bench, script)


def test_a_flood_leaves_keys_quick_and_memory_bounded(bench: Bench) -> None:
    view = _with_log(bench, _numbered(1000))

    async def script(on: Pilot[LogPane]) -> None:
        on.pane.show(view)
        on.pane.lines.focus()
        await on.sees("line 999")
        took = []
        with _log(view).open("a") as log:
            for _ in range(40):
                log.write(_numbered(2000, "flood"))
                log.flush()
                on.pane.look()
                begun = time.perf_counter()
                await on.press("up")
                await on.press("end")
                took.append(time.perf_counter() - begun)
        await on.sees("flood 1999")
        assert len(on.pane.lines.lines) <= 20_000
        assert sorted(took)[len(took) // 2] < 0.5, took

    on_pane(LogPane, bench, script)


HOSTILE = [
    "\x1b]0;title\x07x",
    "\x1b]52;c;QUJD\x07x",
    "\x1b[2J\x1b[9;9Hx",
    "\x9b2Jx",
    "a\rb\x08\x08c\x7f",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200bz\ufeff",
    "\x1bPq#0;2;0\x1b\\x",
    "\x1b_Gf=100;AAAA\x1b\\x",
    "\x1b[",
    "x" * 200_000,
]


def test_a_hostile_log_is_only_text(bench: Bench) -> None:
    view = _with_log(bench, "".join(f"{STAMP} {line}\n" for line in HOSTILE))

    async def script(on: Pilot[LogPane]) -> None:
        on.pane.show(view)
        await on.until(lambda: on.pane.lines.count >= len(HOSTILE))
        on.pane.lines.focus()
        for _ in range(2):
            for key in ("home", "backslash", "end"):
                await on.press(key)
                for y in range(on.pane.lines.size.height):
                    for segment in on.pane.lines.render_line(y):
                        assert segment.control is None
                        assert segment.text.isprintable()

    on_pane(LogPane, bench, script)


BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
_PIECES = st.sampled_from(
    ["\x1b", "[", "]", "0", ";", "m", "\x07", "\x1b\\", "\u202e", "\x9b", "P", "é", "x", "\x0e", "\r"]
)


@given(st.one_of(st.binary(max_size=300), st.lists(_PIECES, max_size=30).map(lambda parts: "".join(parts).encode())))
def test_no_bytes_make_anything_but_printable_text(line: bytes) -> None:
    assert not [char for char in text_of(b"stamp " + line) if is_harmful(char)]


def is_harmful(char: str) -> bool:
    """Whether a terminal could take it for more than a character."""
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(char) in BIDI


@given(st.text(alphabet=st.sampled_from("ab漢字é😀e\u0301"), max_size=60), st.integers(2, 12))
def test_wrapped_rows_hold_all_of_the_text_and_fit(text: str, width: int) -> None:
    from rich.cells import cell_len

    text = text_of(b"stamp " + text.encode())
    breaks = [*breaks_of(text, width), len(text)]
    rows = [text[begin:end] for begin, end in pairwise(breaks)]
    assert "".join(rows) == text
    assert all(cell_len(row) <= width for row in rows)


def test_the_view_s_height_of_a_line_is_that_of_its_rows() -> None:
    view = LogView()
    for text in ("", "x", "x" * 91, "漢" * 91, "\x1b[31mred\x1b[0m" * 20, "a\tb"):
        line = f"{STAMP} {text}\n".encode()
        assert view._height(line) == len(breaks_of(text_of(line), view._room))
