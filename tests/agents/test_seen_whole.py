"""What the dashboard shows of real agent CLIs is what a plain terminal would show, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
from rich.cells import cell_len

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from agentdeck.system.terminal.tmux import Tmux
from agentdeck.tui.look.styled import painted
from tests.agents.conftest import PACKAGES
from tests.support.decks import Bench
from tests.support.fake_api import FakeApi
from tests.support.retry import eventually
from tests.support.terminal import Terminal, dashboard

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]
SIZES = [(120, 36), (80, 24), (200, 50)]
Cell = tuple[str, str]
"""A character and its colour, where that is a full and exact one: the dashboard draws all others in its theme."""


def cells(lines: Sequence[str]) -> list[list[Cell]]:
    rows = []
    for segments in painted(lines):
        row: list[Cell] = []
        for text, style, _ in segments:
            colour = style.color if style and not style.dim else None
            name = colour.name if colour is not None and colour.triplet is not None else ""
            for char in text:
                row += [(char, name), *[("", name)] * (cell_len(char) - 1)]
        rows.append(row)
    return rows


def texts(rows: Sequence[Sequence[Cell]]) -> list[str]:
    found = ["".join(char for char, _ in row).rstrip() for row in rows]
    while found and not found[-1]:
        found.pop()
    return found


def shown_in(outer: Terminal) -> list[list[Cell]]:
    """The cells of the Screen tab, inside of its frame and above what the agent asks."""
    rows = cells(outer.tmux("capture-pane", "-p", "-e", "-N", "-t", "it").split("\n"))
    lines = ["".join(char for char, _ in row) for row in rows]
    top = next((y for y, text in enumerate(lines) if "t Screen" in text and "╮" in text), len(rows))
    if top == len(rows):
        return []  # it is just being drawn at another size
    left, right = lines[top].rindex("╭", 0, lines[top].index("t Screen")) + 1, lines[top].rindex("╮")
    below = rows[top + 1 :]
    end = next((y for y, row in enumerate(below) if row[left - 1][0] != "│"), len(below))
    inner = [row[left:right] for row in below[:end]]
    asks = next((y for y, row in enumerate(inner) if "".join(c for c, _ in row).startswith(" ◆ ")), len(inner))
    return inner[:asks]


def is_the_same(inner: Tmux, outer: Terminal, *, whole: bool) -> bool:
    """Whether the tab shows the pane's cells: all of them, or as many of the last ones as there is room for."""
    pane, width = inner.command("list-panes", "-a", "-F", "#{pane_id} #{pane_width}").split()
    own = cells(inner.command("capture-pane", "-p", "-e", "-N", "-t", pane).split("\n"))
    there = [row[: int(width)] for row in shown_in(outer)]
    want, got = texts(own), texts(there)
    first = len(want) - len(got)
    if not got or want[first:] != got or (whole and first):
        return False
    pairs = (pair for mine, seen in zip(own[first:], there, strict=False) for pair in zip(mine, seen, strict=False))
    return all(not colour or colour == drawn for (_, colour), (_, drawn) in pairs)


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
                raise AssertionError(f"{size}\n{outer.screen()}\n--- and its own:\n{mine}") from None
