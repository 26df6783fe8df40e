"""What the dashboard shows of real agent CLIs is what a plain terminal would show, cell by cell."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial

import pytest
from rich.cells import cell_len

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from agentdeck.system.terminal.tmux import Tmux
from agentdeck.tui.look.styled import painted
from tests.agents.conftest import EVERY, PACKAGES, programs_of
from tests.agents.setups import modelled
from tests.support.decks import Bench
from tests.support.fake_api import FakeApi
from tests.support.retry import eventually
from tests.support.scripted_model import ask, say, write
from tests.support.terminal import Terminal, dashboard

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(600)]
WHOLE = "AGENTDECK_TEST_MORE_AGENTS" in os.environ
SIZES = [(120, 36), (80, 24), (200, 50)]
TAB, GRID = "t Screen", "╭ it ─"
Cell = tuple[str, str, bool]
"""A character, its colour where that is a full and exact one, for the dashboard draws all others in its theme, and
whether it is reversed."""


def cells(lines: Sequence[str]) -> list[list[Cell]]:
    rows = []
    for segments in painted(lines):
        row: list[Cell] = []
        for text, style, _ in segments:
            colour = style.color if style and not style.dim else None
            name = colour.name if colour is not None and colour.triplet is not None else ""
            reverse = bool(style and style.reverse)
            for char in text:
                row += [(char, name, reverse), *[("", name, reverse)] * (cell_len(char) - 1)]
        rows.append(row)
    return rows


def texts(rows: Sequence[Sequence[Cell]]) -> list[str]:
    found = ["".join(char for char, *_ in row).rstrip() for row in rows]
    while found and not found[-1]:
        found.pop()
    return found


def shown_in(outer: Terminal, mark: str, asked: str) -> list[list[Cell]]:
    """The cells of the Screen tab or of the grid's only cell, inside of its frame, which has `mark` in its upper line,
    and above what the agent asks."""
    rows = cells(outer.tmux("capture-pane", "-p", "-e", "-N", "-t", "it").split("\n"))
    lines = ["".join(char for char, *_ in row) for row in rows]
    top = next((y for y, text in enumerate(lines) if mark in text and "╭" in text and "╮" in text), len(rows))
    if top == len(rows):
        return []  # it is just being drawn at another size
    left, right = lines[top].rindex("╭", 0, lines[top].index(mark) + 1) + 1, lines[top].rindex("╮")
    below = rows[top + 1 :]
    end = next((y for y, row in enumerate(below) if len(row) < left or row[left - 1][0] != "│"), len(below))
    inner = [row[left:right] for row in below[:end]]
    said = ["".join(c for c, *_ in row) for row in inner]
    asks = next((y for y, text in enumerate(said) if asked and text.startswith(f" {asked}  ")), len(inner))
    return inner[:asks]


def is_the_same(inner: Tmux, outer: Terminal, *, whole: bool, mark: str = TAB, asked: str = "") -> bool:
    """Whether the tab shows the pane's cells: all of them, or as many of the last ones as there is room for."""
    fields = "#{pane_id} #{pane_width} #{cursor_x} #{cursor_y} #{cursor_flag}"
    pane, width, *cursor = inner.command("list-panes", "-a", "-F", fields).split()
    x_of, y_of, is_seen = map(int, cursor)
    own = cells(inner.command("capture-pane", "-p", "-e", "-N", "-t", pane).split("\n"))
    there = [row[: int(width)] for row in shown_in(outer, mark, asked)]
    want, got = texts(own), texts(there)
    first = len(want) - len(got)
    if not got or want[first:] != got or (whole and first):
        return False
    other = []
    for y, rows in enumerate(zip(own[first:], there, strict=False)):
        for x, ((char, colour, reverse), (_, drawn, reversed_there)) in enumerate(zip(*rows, strict=False)):
            is_cursor = bool(is_seen) and (x, y + first) == (x_of, y_of)
            if (char != " " and colour and colour != drawn) or (reverse or is_cursor) != reversed_there:
                other.append((y, x, char, colour, drawn, "cursor" if is_cursor else ""))
    different[:] = other[:20]
    return not other


different: list[tuple[int, int, str, str, str, str]] = []
"""The first cells whose colour or reversal is another one: where, the character, its colour, the one that is drawn."""


@pytest.mark.skipif(not WHOLE, reason="“make test” compares at three sizes what comes later")
@pytest.mark.parametrize("profile", PACKAGES)
def test_the_screen_tab_is_the_cli_s_own_screen(
    bench: Bench, api: FakeApi, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    deck = bench.deck()
    deck.start(StartRequest(task="Make the file 漢字 😀", profile=profile, name="it", mode=Mode.INTERACTIVE))
    eventually(lambda: deck.agent("it").state is State.WAITING, 60)
    inner = Tmux(bench.socket)
    with dashboard(bench.root, SIZES[0]) as outer:
        outer.sees("t Screen")
        for size in SIZES:
            outer.resize(*size)
            try:
                eventually(partial(is_the_same, inner, outer, whole=size[1] > 24), 20, pause=0.3)
            except AssertionError:
                mine = inner.command("capture-pane", "-p", "-t", f"={deck.name}:it")
                raise AssertionError(f"{size} {different}\n{outer.screen()}\n--- and its own:\n{mine}") from None


LONG = "\n".join(f"{number}. **漢字** 😀 `code` of a long answer" for number in range(1, 60))


def compared(inner: Tmux, outer: Terminal, sizes: Sequence[tuple[int, int]], mark: str = TAB, asked: str = "") -> None:
    for size in sizes:
        outer.resize(*size)
        try:
            eventually(partial(is_the_same, inner, outer, whole=False, mark=mark, asked=asked), 30, pause=0.3)
        except AssertionError:
            mine = inner.command(
                "capture-pane", "-p", "-t", inner.command("list-panes", "-a", "-F", "#{pane_id}").strip()
            )
            raise AssertionError(f"{size} {different}\n{outer.screen()}\n--- and its own:\n{mine}") from None


WHEEL_UP = "\x1b[<64;40;8M"


def works_as_in_a_plain_terminal(inner: Tmux, outer: Terminal) -> None:
    """Where a person is attached, the cursor is the program's, and the wheel reaches a program that wants the mouse."""
    cursor = "#{cursor_x} #{cursor_y} #{cursor_flag}"

    def cursors() -> tuple[str, str]:
        own = inner.command("list-panes", "-a", "-F", cursor).splitlines()[0]  # its view lists it once more
        return own, outer.tmux("list-panes", "-F", cursor).strip()

    try:
        eventually(lambda: len(set(cursors())) == 1, 20, pause=0.3)
    except AssertionError:
        raise AssertionError(f"{cursors()}\n{outer.screen()}") from None
    if inner.command("list-panes", "-a", "-F", "#{mouse_any_flag}").startswith("1"):
        before = outer.screen()
        if "of a long answer" not in before:
            return  # there is nothing to scroll
        for _ in range(8):
            outer.type(WHEEL_UP)
        try:
            eventually(lambda: outer.screen() != before, 20, pause=0.3)
        except AssertionError:
            raise AssertionError(f"the wheel does nothing:\n{before}") from None
        assert inner.command("list-panes", "-a", "-F", "#{pane_in_mode}").startswith("0"), "the program has the mouse"


@pytest.mark.parametrize("cli", EVERY)
def test_its_later_screens_are_its_own_too(
    bench: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A diff to allow, a long answer of wide characters, a question: at three sizes, in the grid, and after a person
    was attached at another size."""
    monkeypatch.setenv("COLORTERM", "truecolor")
    bench.write(".claude.json", '{"hasCompletedOnboarding": true, "theme": "dark"}', cwd=bench.home)
    answers = [
        [write("note.md", "# Eine Notiz 漢字\n\n- 😀\n")],
        [say(LONG), ask("Which colour?", "Red", "漢字")],
        [say("Over.")],
    ]
    deck, inner = bench.deck(), Tmux(bench.socket)
    with modelled(bench, cli, programs_of(request, cli), monkeypatch, *answers) as script:
        deck.start(StartRequest(task="Write it", profile=cli, name="it", mode=Mode.INTERACTIVE))
        with dashboard(bench.root, SIZES[0]) as outer:
            outer.sees(TAB)
            answered: set[float] = set()

            def rests() -> bool:
                view = deck.agent("it")
                asked = view.status.question
                if script.sent == 0 and view.state is State.WAITING and asked and asked.at not in answered:
                    if not answered:
                        compared(inner, outer, SIZES[:1])
                    answered.add(asked.at)
                    deck.answer("it", "yes")
                before = deck.screen("it")
                time.sleep(1.0)
                return script.sent > 0 and deck.screen("it") == before

            try:
                eventually(rests, 240, pause=0.5)
            except AssertionError:
                raise AssertionError(f"{deck.agent('it').status}\n{deck.screen('it')}") from None
            compared(inner, outer, SIZES)
            if deck.agent("it").state is State.WAITING:
                deck.answer("it", "1")
                eventually(lambda: script.sent >= 2 and rests(), 120, pause=0.5)
                compared(inner, outer, SIZES[:2])
            outer.press("Enter")
            outer.sees_no_more(TAB)
            outer.resize(100, 30)
            works_as_in_a_plain_terminal(inner, outer)
            outer.press("F12")
            outer.sees(TAB)
            compared(inner, outer, SIZES[:1])
            outer.press("g")
            outer.sees(GRID)
            question = deck.agent("it").status.question
            compared(inner, outer, SIZES, GRID, question.text if question is not None else "")
