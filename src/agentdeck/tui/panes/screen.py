"""The agent's terminal, live."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.strip import Strip
from textual.timer import Timer

from agentdeck.core.agents.agent import State
from agentdeck.core.text.text import plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.terminal import PaneCapture
from agentdeck.tui.look.styled import clean, painted
from agentdeck.tui.panes.base import AgentPane
from agentdeck.tui.panes.follow import FollowView

_PACE = 0.06
"""Seconds between two captures while the screen moves."""
_LAST_LINES = 200
_LEAST = (40, 20)
"""Columns and rows that a program gets in a smaller view: its dialogs want room to be whole."""
_REST = 0.15
"""Seconds that the view's size must rest before the program gets it."""


def _without_screen(view: AgentView, *, printed: bool) -> str:
    """Why no screen is shown."""
    if view.state is State.STARTING and not printed:
        return f"{view.name} is starting{f' on {view.host}' if view.host else ''}."
    rest = "these are the last lines of its log" if printed else "it has printed nothing"
    if view.host and view.alive:
        return f"{view.host} does not show its screen now; {rest}."
    return f"{view.name} no longer has a window; {rest}."


class TerminalView(FollowView):
    """The rows of a screen. It stays at the end, where agents write, until a person scrolls up."""

    def __init__(self) -> None:
        super().__init__()
        self._strips: list[Strip] = []
        self._rows: Sequence[str] = ()
        self._cursor: tuple[int, int] | None = None

    def show_capture(self, capture: PaneCapture) -> bool:
        """Show it; return whether it differs from what was shown."""
        rows = list(capture.lines)
        cursor = None if capture.dead else capture.cursor
        # What is below the content would push it out of the view; tmux writes blanks with colours as they are.
        while len(rows) > (cursor[1] + 1 if cursor else 1) and not _SGR.sub("", rows[-1]).strip():
            rows.pop()
        if rows == self._rows and cursor == self._cursor:
            return False
        self._show(rows, cursor, painted(rows), capture.columns)
        return True

    def show_text(self, lines: Sequence[str]) -> None:
        if lines != self._rows:
            self._show(lines, None, [[Segment(clean(line))] for line in lines], 0)

    def _show(
        self, rows: Sequence[str], cursor: tuple[int, int] | None, painted_rows: list[list[Segment]], columns: int
    ) -> None:
        self._rows, self._cursor = rows, cursor
        self._strips = [Strip(segments) for segments in painted_rows]
        # tmux keeps blanks that the agent wrote; they are no reason to scroll to the right.
        used = max((strip.cell_length for strip in self._strips), default=0)
        self.grown(min(used, columns) if columns else used, len(rows))

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        left, top = self.scroll_offset
        row, width = y + top, self.size.width
        if row >= len(self._strips):
            return Strip.blank(width, base)
        strip = self._strips[row]
        if self._cursor is not None and self._cursor[1] == row:
            strip = _with_cursor(strip, self._cursor[0])
        return self.selectable(strip.crop_extend(left, left + width, base).apply_style(base), row)

    @property
    def is_blank(self) -> bool:
        return not any(strip.text.strip() for strip in self._strips)

    def row_count(self) -> int:
        return len(self._strips)

    def row_text(self, row: int) -> str:
        return self._strips[row].text


_SGR = re.compile(r"\x1b\[[0-9;:]*m")


def _with_cursor(strip: Strip, column: int) -> Strip:
    length = max(strip.cell_length, column + 1)
    before, under, after = strip.adjust_cell_length(length).divide([column, column + 1, length])
    return Strip.join([before, under.apply_style(Style(reverse=True)), after])


def _nothing_yet(view: AgentView) -> str:
    """Why a screen is empty."""
    if view.state is not State.STARTING:
        return f"{view.name} has nothing on its screen."
    return f"Starting {plain(view.profile or ' '.join(view.agent.argv))} …"


class ScreenPane(AgentPane):
    """What one would see at the agent's own terminal; its last lines when that is gone."""

    WATCHES = True
    KEYS: ClassVar = (
        ("move.up move.down move.page-up move.page-down", "scroll"),
        ("move.last", "follow"),
        ("program.back", "back"),
        ("agent.type", "type"),
        ("agent.attach", "attach"),
    )

    def __init__(self, deck: Deck, *, id: str | None = None) -> None:
        super().__init__(deck, id=id)
        self._reader = deck.terminals.screens()
        self._fit: Timer | None = None

    def parts(self) -> ComposeResult:
        yield TerminalView()

    async def on_unmount(self) -> None:
        await self._reader.close()

    def changed_agent(self) -> None:
        if self.is_mounted:
            self.query_one(TerminalView).show_text([])
            self.say("")

    def show(self, view: AgentView | None) -> None:
        super().show(view)
        self._fit_soon()

    def set_active(self, active: bool) -> None:
        super().set_active(active)
        self._fit_soon()

    def on_resize(self) -> None:
        self._fit_soon()

    def room(self) -> tuple[int, int]:
        """Columns and rows that the program gets. One row is the line's or the keys', which come and go."""
        columns, rows = self.size.width, self.size.height - 1
        bar = 1 if rows < _LEAST[1] else 0
        return max(_LEAST[0], columns - bar), max(_LEAST[1], rows)

    def _fit_soon(self) -> None:
        if self._fit is not None:
            self._fit.stop()
        if self.active and self.view is not None and self.view.alive and self.is_mounted:
            self._fit = self.set_timer(_REST, self._fit_now)

    async def _fit_now(self) -> None:
        if self.active and self.view is not None and self.view.alive:
            await self._reader.fit(self.view.name, *self.room())
            self.look()

    async def inquire(self, view: AgentView) -> PaneCapture | list[str]:
        found = await self._reader.capture(view.name)
        return found if found is not None else await asyncio.to_thread(self._last_lines, view)

    def _last_lines(self, view: AgentView) -> list[str]:
        return [line.text for line in deque(self.deck.log_lines(view.name), _LAST_LINES)]

    def found(self, view: AgentView, facts: PaneCapture | list[str]) -> None:
        terminal = self.query_one(TerminalView)
        if isinstance(facts, list):
            terminal.show_text(facts)
            if view.unreachable:
                self.say(f"{plain(view.reason)}. These are the last lines of its log.")
                return
            self.say(_without_screen(view, printed=bool(facts)))
            return
        if facts.fitted and view.alive and (facts.columns, len(facts.lines)) != self.room():
            self._fit_soon()  # a terminal that showed it is gone
        if terminal.show_capture(facts):
            # What was printed while the recording told of it may not all be on the screen yet.
            self.set_timer(_PACE, self.look)
        if view.alive:
            self.say(self._reader.notice or (_nothing_yet(view) if terminal.is_blank else ""))
        else:
            reason = f": {plain(view.reason)}" if view.reason not in ("", view.state) else ""
            self.say(f"{view.name} has ended ({view.state}{reason}); this is its last screen.")
