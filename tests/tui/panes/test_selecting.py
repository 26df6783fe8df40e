"""Text of Screen, Log and Diff is selected by mouse and keys; it is copied only when a person copies it."""

from __future__ import annotations

import pytest

from agentdeck.tui.panes.difflines import DiffView
from agentdeck.tui.panes.loglines import LogView
from agentdeck.tui.panes.screen import TerminalView
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive

_PRINTS = "printf 'first line\\nsecond line\\n'; exec sleep 1000"


@pytest.mark.parametrize(("tab", "kind"), [("t", TerminalView), ("l", LogView)])
def test_what_is_seen_of_screen_and_log_is_selected_by_a_key(
    bench: Bench, tab: str, kind: type[TerminalView | LogView]
) -> None:
    begin(bench, "fix", _PRINTS)

    async def script(on: Driver) -> None:
        await on.sees("fix")
        await on.press(tab, "right")
        view = on.app.focused
        assert isinstance(view, kind)
        await on.until(lambda: any("second line" in view.row_text(row) for row in range(view.row_count())))
        await on.press("ctrl+a", "ctrl+c")
        assert "first line" in on.app.clipboard
        assert "second line" in on.app.clipboard
        await on.press("escape")
        assert not on.screen.selections

    drive(bench.deck(), script)


def test_the_mouse_selects_a_part_of_the_screen_and_nothing_is_copied_before_a_person_does(bench: Bench) -> None:
    begin(bench, "fix", _PRINTS)

    async def script(on: Driver) -> None:
        view = await on.until(lambda: list(on.screen.query(TerminalView)))
        await on.until(lambda: view[0].row_count() > 1)
        left, top = view[0].region.offset
        await on.pilot.mouse_down(offset=(left + 6, top))
        await on.pilot.hover(offset=(left + 6, top + 1))
        await on.pilot.mouse_up(offset=(left + 6, top + 1))
        assert on.app.clipboard == ""
        await on.press("ctrl+c")
        assert on.app.clipboard.startswith("line\nsecond")

    drive(bench.deck(), script)


def test_lines_of_a_diff_are_selected_as_the_cursor_moves(bench: Bench) -> None:
    view = begin(bench, "fix")
    assert view.worktree is not None
    bench.write("one.txt", "alpha\nbeta\ngamma\n", cwd=view.worktree)

    async def script(on: Driver) -> None:
        await on.sees("fix")
        await on.press("d", "right")
        await on.sees("gamma")
        lines = on.screen.query_one(DiffView)
        row = next(row for row in range(lines.count()) if "alpha" in lines.row_text(row))
        lines.go_to(row)
        await on.press("ctrl+a", "down", "ctrl+c")
        assert "alpha" in on.app.clipboard
        assert "beta" in on.app.clipboard
        assert "gamma" not in on.app.clipboard

    drive(bench.deck(), script)
