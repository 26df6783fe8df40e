"""The list of agents: one line each, painted line by line, repainted cell by cell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from agentdeck.core.agents.agent import State
from agentdeck.core.text.text import columns as columns_of
from agentdeck.core.text.text import cut, plain
from agentdeck.tui.feed.snapshot import Row
from agentdeck.tui.keys.keys import MOVE, bound
from agentdeck.tui.list.columns import GAP, Layout, Part, cell, lay_out
from agentdeck.tui.list.order import Heading, Line
from agentdeck.tui.look.look import has_few_colours

_GUTTER = 3
_TITLE_LINES = 1
_YOUNG, _MINUTES_TICK = 65.0, 10
"""Seconds for which an age is told in seconds; every how many seconds older ages are looked at."""
_Cells = tuple[tuple[Part, ...], ...]


class AgentTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Knows which agent is selected and which are marked, by name: both stay when the order changes."""

    BINDINGS: ClassVar[list[BindingType]] = [*bound(MOVE)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"agents--{name}"
        for name in (
            "title heading cursor cursor-away mark name dim added deleted conflict problem spark lost".split()
            + [str(state) for state in State]
            + [f"reason-{state}" for state in State]
        )
    }

    @dataclass
    class Selected(Message):
        """Another agent was selected, or none is left."""

        name: str | None

    @dataclass
    class Opened(Message):
        """A person wants to be at the keys of the agent."""

        name: str

    @dataclass
    class Marked(Message):
        """The marks changed."""

        names: frozenset[str]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: list[Line] = []
        self.selected: str | None = None
        self.marked: frozenset[str] = frozenset()
        self._fitted, self._fitted_to = Layout((), ()), 0
        self._painted: list[_Cells] = []
        self._ticks = 0
        self._styles_of: dict[str, Style] = {}
        self._labels: dict[str, str] = {}
        """What stands before agents while one is gone to by its label."""

    # What is shown

    @property
    def rows(self) -> list[Row]:
        return [line for line in self.lines if isinstance(line, Row)]

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; only what differs from the ones before is painted again."""
        before = self._index()
        longer = len(lines) != len(self.lines)
        self.lines = list(lines)
        names = {row.name for row in self.rows}
        if self.marked - names:
            self._mark(self.marked & names)
        if longer:
            self.virtual_size = Size(0, len(self.lines) + _TITLE_LINES)
            self.refresh(layout=True)
        self._lay_out()
        self._repaint()
        if self.selected not in names:
            self._select(self._row_near(before))

    def tick(self) -> None:
        """A second has passed: repaint what says so. Where all is older than a minute, that is less often."""
        self._ticks += 1
        now = time.time()
        if self._ticks % _MINUTES_TICK == 0 or any(now - row.view.since < _YOUNG for row in self.rows):
            self._repaint()

    @property
    def _room(self) -> int:
        """Columns, without those of the bar."""
        return self.scrollable_content_region.width

    def _lay_out(self) -> None:
        self._fitted_to = self._room
        layout = lay_out(self.rows, max(1, self._fitted_to - _GUTTER))
        if layout != self._fitted:
            self._fitted = layout
            self._painted = []
            self.refresh()

    def _repaint(self) -> None:
        now = time.time()
        fresh = [self._cells(line, now) for line in self.lines]
        if len(fresh) != len(self._painted):
            self._painted = fresh
            self.refresh()
            return
        for index, (old, new) in enumerate(zip(self._painted, fresh, strict=True)):
            if old == new:
                continue
            left = _GUTTER
            if len(old) != len(new):
                self._refresh_line(index)
                continue
            for width, old_cell, new_cell in zip(self._fitted.widths, old, new, strict=False):
                if old_cell != new_cell:
                    self._refresh_span(index, left, width)
                left += width + GAP
        self._painted = fresh

    def _cells(self, line: Line, now: float) -> _Cells:
        if isinstance(line, Heading):
            return (((f"{plain(line.text)} ({line.count})", "heading"),),)
        pairs = zip(self._fitted.columns, self._fitted.widths, strict=True)
        return tuple(tuple(cell(column, line, now, width)) for column, width in pairs)

    def _refresh_line(self, index: int) -> None:
        self._refresh_span(index, 0, self.size.width)

    def _refresh_span(self, index: int, x: int, width: int) -> None:
        y = index + _TITLE_LINES - self.scroll_offset.y
        if _TITLE_LINES <= y < self.size.height:
            self.refresh(Region(x, y, width, 1))

    # Painting

    def render_line(self, y: int) -> Strip:
        width = self._room
        base = self.rich_style
        if width != self._fitted_to:
            # Lines are asked for before the word of a new size arrives.
            self._lay_out()
            self._painted = [self._cells(line, time.time()) for line in self.lines]
        if y < _TITLE_LINES:
            return self._titles(width, base)
        index = y - _TITLE_LINES + self.scroll_offset.y
        if index >= len(self.lines) or index >= len(self._painted):
            return Strip.blank(width, base)
        line, cells = self.lines[index], self._painted[index]
        is_cursor = isinstance(line, Row) and line.name == self.selected
        if is_cursor:
            base += self._style("cursor" if self.has_focus else "cursor-away")
        segments = [self._gutter(line, is_cursor, base)]
        for number, parts in enumerate(cells):
            if number:
                segments.append(Segment(" " * GAP, base))
            segments += [Segment(text, base + self._style(style) if style else base) for text, style in parts]
        return Strip(segments).adjust_cell_length(width, base)

    def _gutter(self, line: Line, is_cursor: bool, base: Style) -> Segment:
        if isinstance(line, Heading):
            return Segment("  ", base)
        if line.name in self._labels:
            return Segment(f" {self._labels[line.name]} ", base + Style(reverse=True, bold=True))
        mark = "*" if line.name in self.marked else " "
        return Segment(f"{'▌' if is_cursor else ' '}{mark} ", base + self._style("mark"))

    def _titles(self, width: int, base: Style) -> Strip:
        texts = []
        for column, size in zip(self._fitted.columns, self._fitted.widths, strict=True):
            title = cut(column.title, size)
            fill = " " * (size - columns_of(title))
            texts.append(fill + title if column.right else title + fill)
        text = " " * _GUTTER + (" " * GAP).join(texts)
        return Strip([Segment(text, base + self._style("title"))]).adjust_cell_length(width, base)

    def _style(self, name: str) -> Style:
        found = self._styles_of.get(name)
        if found is None:
            # Only the whole style has its half-transparent colours mixed with what is behind them.
            whole = self.get_component_rich_style(f"agents--{name}")
            is_cursor = name.startswith("cursor")
            found = Style(
                color=None if is_cursor else whole.color,
                bgcolor=whole.bgcolor if is_cursor else None,
                bold=whole.bold or None,
                italic=whole.italic or None,
                underline=whole.underline or None,
            )
            if is_cursor and has_few_colours(self.app):
                found = Style(reverse=True)
            self._styles_of[name] = found
        return found

    def notify_style_update(self) -> None:
        self._styles_of.clear()
        super().notify_style_update()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()
        self._repaint()
        self._scroll_to_selected()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        index = self._index()
        if index is not None:
            self._refresh_line(index)

    # Selecting and marking

    def _index(self) -> int | None:
        if self.selected is None:
            return None
        names = (line.name if isinstance(line, Row) else None for line in self.lines)
        return next((index for index, name in enumerate(names) if name == self.selected), None)

    def _row_near(self, index: int | None) -> str | None:
        """The name on that line, or on the next one that has an agent, or on the last."""
        later = [line.name for line in self.lines[index or 0 :] if isinstance(line, Row)]
        rows = self.rows
        return later[0] if later else rows[-1].name if rows else None

    def select(self, name: str) -> None:
        """Select the agent of that name if it is shown."""
        if name != self.selected and any(row.name == name for row in self.rows):
            self._select(name)

    def _select(self, name: str | None) -> None:
        old = self._index()
        self.selected = name
        for index in (old, self._index()):
            if index is not None:
                self._refresh_line(index)
        self._scroll_to_selected()
        self.post_message(self.Selected(name))

    def _scroll_to_selected(self) -> None:
        index = self._index()
        room = self.size.height - _TITLE_LINES
        if index is None or room <= 0:
            return
        top = self.scroll_offset.y
        # The heading above the first agent of a group shall be seen with it.
        first = index - 1 if index and isinstance(self.lines[index - 1], Heading) else index
        if first < top:
            self.scroll_to(y=first, animate=False)
        elif index >= top + room:
            self.scroll_to(y=index - room + 1, animate=False)

    def action_move(self, by: int) -> None:
        names = [row.name for row in self.rows]
        if not names:
            return
        at = names.index(self.selected) if self.selected in names else 0
        self.select(names[max(0, min(len(names) - 1, at + by))])

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - _TITLE_LINES - 1))

    def label(self, labels: str) -> dict[str, str]:
        """Put a label before each agent that is seen; return them with their agents. “” takes them away."""
        top = self.scroll_offset.y
        seen = [line.name for line in self.lines[top : top + self.size.height] if isinstance(line, Row)]
        found = dict(zip(labels, seen, strict=False))
        self._labels = {name: label for label, name in found.items()}
        self.refresh()
        return found

    def action_sideways(self, by: int) -> None:
        """All columns fit: there is nothing at the sides."""

    def toggle_mark(self) -> None:
        """Mark the selected agent, or take its mark away, and go on to the next one."""
        if self.selected is not None:
            self._mark(self.marked ^ {self.selected})
            self.action_move(1)

    def mark_all(self) -> None:
        """Mark all agents that are shown; where all are marked, none."""
        names = frozenset(row.name for row in self.rows)
        self._mark(frozenset() if self.marked == names else names)

    def unmark(self) -> None:
        self._mark(frozenset())

    def _mark(self, names: frozenset[str]) -> None:
        if names != self.marked:
            self.marked = names
            self.refresh()
            self.post_message(self.Marked(names))

    def on_click(self, event: events.Click) -> None:
        index = event.y - _TITLE_LINES + self.scroll_offset.y
        if event.y < _TITLE_LINES or not 0 <= index < len(self.lines):
            return
        line = self.lines[index]
        if isinstance(line, Row):
            self.select(line.name)
            if event.x < _GUTTER:
                self._mark(self.marked ^ {line.name})
            elif event.chain == 2:
                self.post_message(self.Opened(line.name))
