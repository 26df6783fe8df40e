"""The Screen tab: what the agent's terminal shows, at once, and nothing that could do anything to ours."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from rich.segment import Segment

from agentdeck.tui.look.styled import clean, painted
from agentdeck.tui.panes.screen import ScreenPane, TerminalView
from tests.support.decks import Bench, world_of
from tests.support.terminal import terminal
from tests.tui.panes.opened import Pilot, begin, on_pane

HOSTILE = (
    r"\033]0;evil title\007\033]52;c;ZXZpbA==\007\033]8;;http://evil\033\\link\033]8;;\033\\"
    r"\342\200\256gnp.exe\342\200\254 \342\200\213zero\302\233 \033[31;1mred\033[0m \033(0qqx\033(B end"
)


def test_the_screen_is_shown_with_its_colours(bench: Bench) -> None:
    view = begin(bench, "fix", r"printf '\033[38;2;1;200;3mgreen\033[0m and plain'; exec sleep 1000")

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(view)
        await on.sees("green and plain")
        segments = on.pane.query_one(TerminalView).render_line(0)
        green = next(each for each in segments if each.text.startswith("green"))
        assert green.style is not None
        assert green.style.color is not None
        assert green.style.color.triplet == (1, 200, 3)

    on_pane(ScreenPane, bench, script)


def test_every_line_is_seen_as_it_is_printed(bench: Bench) -> None:
    view = begin(bench, "fix", "while read line; do echo got-$line; done")

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(view)
        await on.pilot.pause(0.6)
        for number in range(7):
            bench.deck().send("fix", f"n{number}", enter=False)
            await on.sees(f"n{number}")
            world_of(bench.deck()).tmux.press(bench.deck().name, "fix", ["Enter"])
            await on.sees(f"got-n{number}")

    on_pane(ScreenPane, bench, script)


def test_why_a_stopped_agent_has_ended_is_said_once(bench: Bench) -> None:
    begin(bench, "fix", "echo last words; exec sleep 1000")
    bench.deck().stop("fix")
    view = bench.deck().agent("fix")

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(view)
        await on.sees("fix has ended (stopped); this is its last screen.")

    on_pane(ScreenPane, bench, script)


def test_only_text_and_colours_get_through(bench: Bench) -> None:
    view = begin(bench, "fix", f"printf '{HOSTILE}'; exec sleep 1000")

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(view)
        await on.sees("│ end")
        shown = on.text()
        assert "link" in shown
        assert "red ──│ end" in shown
        assert not [char for char in shown if char in "\x07\x1b\x9b\u202e\u202c\u200b"]
        assert "evil" not in shown

    on_pane(ScreenPane, bench, script)


def test_a_screen_that_is_larger_than_the_pane_shows_its_end_and_can_be_scrolled(bench: Bench) -> None:
    view = begin(bench, "fix", "seq 1 18; printf prompt; exec sleep 1000")

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(view)
        await on.sees("prompt", "18")
        assert "1" not in on.lines()
        on.pane.query_one(TerminalView).focus()
        await on.pilot.press("home")
        await on.until(lambda: on.lines()[0] == "1")
        await on.pilot.press("end")
        await on.sees("prompt")

    on_pane(ScreenPane, bench, script, (78, 10))


def test_going_up_is_not_undone_by_what_comes_meanwhile(bench: Bench) -> None:
    begin(bench, "fix")

    async def script(on: Pilot[ScreenPane]) -> None:
        terminal = on.pane.query_one(TerminalView)
        terminal.show_text([str(number) for number in range(1, 41)])
        terminal.action_scroll_home()  # before the bar of so many rows is there
        terminal.show_text([str(number) for number in range(1, 61)])
        await on.until(lambda: on.lines()[0] == "1")
        terminal.action_scroll_end()
        await on.until(lambda: "60" in on.lines())

    on_pane(ScreenPane, bench, script, (78, 10))


SIZES = """trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done"""


def test_a_program_gets_the_size_of_the_view_that_shows_it(bench: Bench) -> None:
    view = begin(bench, "fix", SIZES)

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(view)
        await on.sees("29 120")
        await on.pilot.resize_terminal(78, 25)
        await on.sees("24 78")
        await on.pilot.resize_terminal(78, 9)
        await on.sees("20 77")  # the room that dialogs need, and one column for the bar
        await on.pilot.resize_terminal(200, 50)
        await on.sees("49 200")

    on_pane(ScreenPane, bench, script, (120, 30))


def test_a_terminal_that_attaches_has_the_size_and_leaves_no_strip_behind(bench: Bench) -> None:
    view = begin(bench, "fix", SIZES)

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(view)
        await on.sees("24 100")
        argv = [sys.executable, "-m", "agentdeck", "attach", "fix"]
        with terminal(argv, bench.root, (132, 40)) as outside:
            await on.sees("39 132")  # one row is tmux's own
            await on.pilot.resize_terminal(90, 25)
            await on.pilot.pause(0.5)
            assert "24 90" not in on.text(), "the person at the terminal goes first"
            outside.press("C-b", "d")
            await on.sees("24 90")

    on_pane(ScreenPane, bench, script, (100, 25))


def test_what_is_at_the_top_is_seen_wherever_the_hidden_cursor_is(bench: Bench) -> None:
    draw = r"printf '\033[2J\033[HTrust this folder?\033[999;1H\033[?25l'"  # anew at another size, as all of them do
    view = begin(bench, "fix", f'trap "{draw}" WINCH; {draw}; while :; do sleep 0.1; done')

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(view)
        await on.until(lambda: on.lines()[0] == "Trust this folder?")
        assert not any(segment.style and segment.style.reverse for strip in rendered(on) for segment in strip)

    on_pane(ScreenPane, bench, script, (78, 10))


def rendered(on: Pilot[ScreenPane]) -> list[list[Segment]]:
    terminal = on.pane.query_one(TerminalView)
    return [list(terminal.render_line(row)) for row in range(terminal.size.height)]


def test_another_agent_s_screen_takes_its_place(bench: Bench) -> None:
    one, two = (begin(bench, name, f"echo I am {name}; exec sleep 1000") for name in ("one", "two"))

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(one)
        await on.sees("I am one")
        for view in (two, one, two, one, two):
            on.pane.show(view)
        await on.sees("I am two")
        assert "I am one" not in on.text()
        on.pane.show(None)
        await on.sees("No agent is selected.")
        assert "I am" not in on.text()

    on_pane(ScreenPane, bench, script)


def test_an_ended_agent_and_one_without_a_window_say_so(bench: Bench) -> None:
    begin(bench, "fix", "echo last words; exit 3")

    async def script(on: Pilot[ScreenPane]) -> None:
        await on.until(lambda: not bench.deck().agent("fix").alive)
        on.pane.show(bench.deck().agent("fix"))
        await on.sees("last words", "fix has ended (failed: exited with 3")
        world_of(bench.deck()).tmux.close_window(bench.deck().name, "fix")
        on.pane.show(bench.deck().agent("fix"))
        await on.sees("last words", "fix no longer has a window")

    on_pane(ScreenPane, bench, script)


def test_wide_characters_and_256_colours_keep_their_columns(bench: Bench) -> None:
    view = begin(bench, "fix", r"printf '漢字|\033[38;5;208morange\033[0m|😀|e\xcc\x81|end'; exec sleep 1000")

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(view)
        await on.sees("漢字|orange|", "|end")
        strip = on.pane.query_one(TerminalView).render_line(0)
        orange = next(segment for segment in strip if segment.text == "orange")
        assert orange.style is not None
        assert orange.style.color is not None
        assert orange.style.color.number == 208
        assert strip.cell_length == on.pane.query_one(TerminalView).size.width

    on_pane(ScreenPane, bench, script)


@pytest.mark.parametrize("way", ["exit 1", "exec sleep 1000"])
def test_where_control_mode_is_refused_or_wedged_the_screen_is_polled_and_says_so(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    view = begin(bench, "fix", "while read line; do echo got-$line; done")
    shim = tmp_path / "bin" / "tmux"
    shim.parent.mkdir()
    shim.write_text(
        f'#!/bin/sh\nfor word; do [ "$word" = -C ] && {{ {way}; }}; done\nexec {shutil.which("tmux")} "$@"\n'
    )
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(view)
        await on.sees("twice a second at most")
        bench.deck().send("fix", "word")
        await on.sees("got-word")

    on_pane(ScreenPane, bench, script)


def test_a_tmux_server_that_dies_and_comes_back_is_survived(bench: Bench) -> None:
    view = begin(bench, "fix", "echo before; exec sleep 1000")

    async def script(on: Pilot[ScreenPane]) -> None:
        on.pane.show(view)
        await on.sees("before")
        world_of(bench.deck()).tmux.run("kill-server")
        await on.sees("fix no longer has a window")
        await on.until(lambda: not bench.deck().agent("fix").alive)
        bench.deck().repair()
        bench.deck().resume("fix")
        on.follow(bench, "fix")
        await on.until(lambda: "no window" not in on.text() and "before" in on.text())

    on_pane(ScreenPane, bench, script)


@pytest.mark.parametrize(
    "line",
    [
        "\x1b]52;c;QUJD",
        "\x1b]0;t\x1b\\x",
        "\x1bPq#0\x1b\\x",
        "\x1b[2J\x1b[9;9Hx",
        "\x9b2Jx",
        "\x1b",
        "\x1b[",
        "\x1b[38;2m",
    ],
)
def test_no_control_is_left_of_any_sequence(line: str) -> None:
    for text in [clean(line), *(segment.text for segment in painted([line, line])[1])]:
        assert text.isprintable()


def test_colours_go_on_over_rows_and_unknown_codes_are_passed_over() -> None:
    first, second, third = painted(["\x1b[1;31mbold", "still\x1b[m off", "\x1b[999;38;5;300;4:3mx"])
    assert isinstance(second[0], Segment)
    assert second[0].style == first[0].style
    assert second[1].style is not None
    assert not second[1].style
    assert third[0].style is not None
    assert third[0].style.underline
    assert third[0].style.color is None


def test_accents_do_not_pile_up() -> None:
    assert clean("e" + "\u0301" * 50 + "x") == "e\u0301\u0301x"
