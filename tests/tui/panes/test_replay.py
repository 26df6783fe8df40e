"""The recording of an agent, played again as its terminal showed it."""

from __future__ import annotations

import json
from pathlib import Path

from agentdeck.system.terminal.replay import Recording
from agentdeck.system.terminal.tmux import Tmux
from agentdeck.tui.panes.log import LogPane
from agentdeck.tui.panes.screen import TerminalView
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.tui.panes.opened import Pilot, begin, on_pane

EVENTS = [
    [0.1, "o", "begin\r\n"],
    [1.0, "o", "\x1b[31mred\x1b[0m 漢字\r\n\x1b]0;evil\x07\x1b]52;c;QUJD\x07"],
    [1.5, "r", "60x10"],
    [100.0, "o", "\x1b[2J\x1b[Hcleared\x1b[5;10Hfar"],
]


def _recorded(bench: Bench, events: list[list[object]]) -> Path:
    begin(bench, "fix", "true")
    eventually(lambda: not bench.deck().agent("fix").alive)
    path = bench.deck().store.agent_folder("fix") / "session.cast"
    head = {"version": 2, "width": 40, "height": 8, "timestamp": 0}
    path.write_text("\n".join(json.dumps(each, ensure_ascii=False) for each in (head, *events)) + "\n")
    return path


def test_pauses_are_cut_short_and_events_found_by_time(bench: Bench) -> None:
    recording = Recording(_recorded(bench, EVENTS))
    assert recording.size == (40, 8)
    assert recording.seconds == 1.5 + 2.0
    assert [kind for kind, _ in recording.between(-1, 1.2)] == ["o", "o"]
    assert recording.between(1.2, 1.6) == [("r", "60x10")]
    assert recording.between(3.5, 99) == []
    recording.close()


def test_it_plays_pauses_speeds_up_and_goes_back(bench: Bench) -> None:
    _recorded(bench, EVENTS)

    async def script(on: Pilot[LogPane]) -> None:
        on.pane.show(bench.deck().agent("fix"))
        await on.sees("fix has ended")
        on.pane.lines.focus()
        await on.press("ctrl+r")
        await on.sees("▶ 1x", "begin")
        await on.press("plus", "plus")
        await on.sees("red 漢字")
        assert "evil" not in on.text()
        await on.sees("cleared", "far", "■ at its end", "0:03")
        assert "begin" not in on.text()
        await on.press("comma")
        await on.sees("▶ 4x")
        await on.sees("cleared")
        await on.press("ctrl+r")
        player = on.pane._player
        assert player is not None
        await on.until(lambda: player.position < 3)
        await on.press("ctrl+r")
        await on.sees("‖ paused")
        held = player.position
        await on.pilot.pause(0.3)
        assert player.position == held
        await on.press("escape")
        await on.sees("fix has ended")
        assert on.pane.lines.has_focus
        assert not on.pane.query_one(TerminalView).display
        await on.until(lambda: not _stages(bench))

    on_pane(LogPane, bench, script, (80, 16))


def _stages(bench: Bench) -> list[str]:
    return [window.session for window in Tmux(bench.socket).windows() if "replay" in window.session]


def test_leaving_the_tab_or_the_agent_ends_it_and_a_missing_one_is_said(bench: Bench) -> None:
    path = _recorded(bench, EVENTS)

    async def script(on: Pilot[LogPane]) -> None:
        on.pane.show(bench.deck().agent("fix"))
        on.pane.lines.focus()
        await on.press("ctrl+r")
        await on.sees("begin")
        on.pane.set_active(False)
        await on.until(lambda: not _stages(bench))
        on.pane.set_active(True)
        path.unlink()
        on.pane.lines.focus()
        await on.press("ctrl+r")
        await on.sees("There is no recording")

    on_pane(LogPane, bench, script)
