"""How an agent stood over a stretch of time, as a row of glyphs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from textual.content import Content

from agentdeck.core.agents.agent import State
from agentdeck.tui.list.header import COLOURS

GLYPHS = {
    State.STARTING: "╌",
    State.WORKING: "━",
    State.WAITING: "◆",
    State.LIMITED: "░",
    State.DONE: "·",
    State.FAILED: "✗",
    State.STOPPED: " ",
    State.LANDED: "⚑",
}


def bar(states: Sequence[State | None]) -> Content:
    """A glyph for each moment, in its state's colour."""
    runs = [(state, len(list(run))) for state, run in groupby(states)]
    return Content("").join(
        Content.styled(GLYPHS[state] * count, COLOURS[state]) if state else Content(" " * count)
        for state, count in runs
    )
