"""The timeline: a line an agent for the last hour or day, and where agents waited for a person."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.timeline import Span, cells, spans, time_in
from agentdeck.core.frozen import dataclass
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import columns as columns_of
from agentdeck.core.text.text import plain
from agentdeck.tui.keys.keys import BY_ID, bound
from agentdeck.tui.list.bars import GLYPHS, bar
from agentdeck.tui.list.header import KeyHint, Piece
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.screens.listing import EDGES, Item, Listing, ListingColumn, lines

_PERIODS = {3600.0: "hour", 24 * 3600.0: "day"}
_NAME, _WAITED = 8, 6
_FIXED = _WAITED + 2 * 2 + EDGES
"""Columns that waiting time, gaps and edges take."""


@dataclass(frozen=True, slots=True)
class Course:
    """How one agent stood, up to now."""

    name: str
    spans: tuple[Span, ...]


class TimelineScreen(Listing):
    BINDINGS: ClassVar[list[BindingType]] = [*bound([BY_ID["look.zoom"]])]
    heading = "Timeline"
    empty = "No agents yet."
    every = 5.0
    period = 3600.0

    def find(self) -> tuple[int, list[Course]]:
        now = time.time()
        views = self.deck.agents()
        return int(now), [
            Course(view.name, tuple(spans(self.deck.events(view.name), view.agent.created, now))) for view in views
        ]

    def summary(self, facts: Any) -> str:
        now, courses = facts
        waited = sum(self._waited(each, now) for each in courses)
        said = f"agents waited {short_duration(waited)} for you" if waited >= 1 else "no agent waited for you"
        return f"the last {_PERIODS[self.period]}: {said}"

    def _waited(self, course: Course, now: float) -> float:
        return time_in(course.spans, State.WAITING, now - self.period, now)

    def items(self, facts: Any) -> Sequence[Item]:
        now, courses = facts
        longest = max([_NAME, *(columns_of(plain(each.name)) for each in courses)])
        width = max(20, self.query_one(OptionList).size.width - longest - _FIXED)
        begin = time.strftime("%H:%M", time.localtime(now - self.period))
        title = f"{begin}{' ' * max(1, width - len(begin) - 3)}now"
        self.columns = (ListingColumn("AGENT", _NAME), ListingColumn(title, 20), ListingColumn("WAITED", _WAITED))
        found = []
        for each in sorted(courses, key=lambda course: -self._waited(course, now)):
            course = bar(cells(each.spans, now - self.period, now, width))
            waited = self._waited(each, now)
            told = (short_duration(waited), "$text-warning") if waited >= 1 else ("", "")
            found.append(Item(each.name, ((each.name, "bold"), (course, ""), told)))
        return found

    def about(self, facts: Any, key: str) -> Content:
        now, courses = facts
        course = next((each for each in courses if each.name == key), None)
        if course is None:
            return Content()
        legend = "  ".join(f"{glyph} {state}" for state, glyph in GLYPHS.items() if glyph.strip())
        said: list[Piece | str] = [(legend, "$foreground 60%"), "", (key, "bold")]
        for since, until, state in reversed(course.spans):
            if until > now - self.period:
                clock = time.strftime("%H:%M:%S", time.localtime(since))
                said.append(f"{clock}  {state.glyph} {state} for {short_duration(until - since)}")
        return lines(*said)

    def hints(self) -> Sequence[KeyHint]:
        other = next(word for seconds, word in _PERIODS.items() if seconds != self.period)
        return (hint_of("look.zoom", self.app._keymap, f"the last {other}"),)

    def action_zoom(self) -> None:
        """Show the last day, or the last hour again."""
        self.period = next(seconds for seconds in _PERIODS if seconds != self.period)
        if self.facts is not None:
            self._show()
