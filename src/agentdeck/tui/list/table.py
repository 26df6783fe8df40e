"""The list of agents: a line or a card each, painted line by line, repainted cell by cell."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
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
from agentdeck.core.frozen import dataclass
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import columns as columns_of
from agentdeck.core.text.text import cut, plain
from agentdeck.tui.feed.snapshot import Row
from agentdeck.tui.keys.keys import MOVE, bound
from agentdeck.tui.list.cards import LINES, card
from agentdeck.tui.list.columns import COST, CPU, GAP, Layout, Part, cells, lay_out
from agentdeck.tui.list.order import Heading, Line, Order
from agentdeck.tui.look.look import has_few_colours

_GUTTER = 3
_SORTED_BY = {Order.CPU: CPU, Order.COST: COST}
"""The column that is shown first where the list is sorted by it."""
_NEW, _YOUNG = 10.0, 65.0
"""Seconds for which an age is told second by second, and for which it is told in seconds at all."""
_SECONDS_TICK, _MINUTES_TICK = 5, 10
"""Every how many seconds ages that are not new any more are told again: painting fifty of them costs."""
_Cells = tuple[tuple[Part, ...], ...]


class AgentTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Knows which agent is selected and which are marked, by name: both stay when the order changes."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [*bound(MOVE)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"agents--{name}"
        for name in (
            "title heading cursor cursor-away mark name dim added deleted conflict problem spark lost loose".split()
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
        self.order = Order.URGENCY
        self.cards = False
        """Whether an agent is a card of several lines where all have room for that."""
        self._card = 1
        """Lines of each agent."""
        self._starts: list[int] = []
        """The first painted line of each line."""
        self._fitted, self._fitted_to = Layout((), ()), (0, 0)
        self._painted: list[_Cells] = []
        self._made: dict[str, tuple[Row, str, list[_Cells]]] = {}
        """Of each agent, its row and its age, and the cells that they made."""
        self._ticks = 0
        self._newest = 0.0
        """Since when the agent stands so that changed last."""
        self._styles_of: dict[str, Style] = {}
        self._labels: dict[str, str] = {}
        """What stands before agents while one is gone to by its label."""

    # What is shown

    @property
    def rows(self) -> list[Row]:
        return [line for line in self.lines if isinstance(line, Row)]

    def show(self, lines: Sequence[Line], order: Order = Order.URGENCY) -> None:
        """Show these lines; only what differs from the ones before is painted again."""
        before = self._index()
        self.lines, self.order = list(lines), order
        self._newest = max((row.view.since for row in self.rows), default=0.0)
        names = {row.name for row in self.rows}
        if self._made.keys() - names:
            self._made.clear()
        if self.marked - names:
            self._mark(self.marked & names)
        self._lay_out()
        self._repaint()
        if self.selected not in names:
            self._select(self._row_near(before))

    def use_cards(self, cards: bool) -> None:
        if cards != self.cards:
            self.cards = cards
            self._lay_out()
            self._repaint()
            self._scroll_to_selected()

    @property
    def _title_lines(self) -> int:
        return 0 if self._card > 1 else 1

    def tick(self) -> None:
        """A second has passed: repaint what says so, the less often the older all is."""
        self._ticks += 1
        youngest = time.time() - self._newest
        every = 1 if youngest < _NEW else _SECONDS_TICK if youngest < _YOUNG else _MINUTES_TICK
        if self._ticks % every == 0:
            self._repaint()

    @property
    def _room(self) -> int:
        """Columns, without those of the bar."""
        return self.scrollable_content_region.width

    def _lay_out(self) -> None:
        before = self._fitted_to, self._card, self._fitted
        self._fitted_to = (self._room, self.size.height)
        self._card = self._card_lines()
        layout = lay_out(self.rows, max(1, self._room - _GUTTER), first=_SORTED_BY.get(self.order))
        starts, at = list[int](), 0
        for line in self.lines:
            starts.append(at)
            at += 1 if isinstance(line, Heading) else self._card
        self._starts = starts
        if self.virtual_size.height != at + self._title_lines:
            self.virtual_size = Size(0, at + self._title_lines)
            self.refresh(layout=True)
        if layout != self._fitted:
            self._fitted = layout
            self._painted = []
            self.refresh()
        if before != (self._fitted_to, self._card, self._fitted):
            self._made.clear()

    def _card_lines(self) -> int:
        """As many as let all agents be seen at once: a card and a line between them, a card, less of it, or one."""
        if not self.cards:
            return 1
        agents = len(self.rows)
        room = self.size.height - (len(self.lines) - agents)
        return next((lines for lines in range(LINES + 1, 1, -1) if lines * agents <= room), 1)

    def _repaint(self) -> None:
        if not self.size:
            return  # what there is room for is not known before it is laid out
        now = time.time()
        fresh = [cells for line in self.lines for cells in self._cells(line, now)]
        if len(fresh) != len(self._painted):
            self._painted = fresh
            self.refresh()
            return
        for at, (old, new) in enumerate(zip(self._painted, fresh, strict=True)):
            if old == new:
                continue
            if not len(old) == len(new) == len(self._fitted.widths) or () in old or () in new:
                self._refresh_span(at, 0, self.size.width)
                continue
            left = _GUTTER
            for width, old_cell, new_cell in zip(self._fitted.widths, old, new, strict=True):
                if old_cell != new_cell:
                    self._refresh_span(at, left, width)
                left += width + GAP
        self._painted = fresh

    def _cells(self, line: Line, now: float) -> list[_Cells]:
        """The cells of each line that is painted for it."""
        if isinstance(line, Heading):
            return [(((f"{plain(line.text)} ({line.count})", "heading"),),)]
        age = short_duration(max(0.0, now - line.view.since))
        if (made := self._made.get(line.name)) is not None and made[:2] == (line, age):
            return made[2]
        found = self._cells_of(line, now)
        self._made[line.name] = line, age, found
        return found

    def _cells_of(self, line: Row, now: float) -> list[_Cells]:
        if self._card == 1:
            return [tuple(map(tuple, cells(self._fitted, line, now)))]
        width = max(1, self._fitted_to[0] - _GUTTER)
        found: list[_Cells] = [(tuple(parts),) for parts in card(line, now, width, self._card)]
        return [*found, *[()] * (self._card - len(found))]

    def _refresh_line(self, index: int) -> None:
        start = self._starts[index]
        for at in range(start, start + (1 if isinstance(self.lines[index], Heading) else self._card)):
            self._refresh_span(at, 0, self.size.width)

    def _refresh_span(self, at: int, x: int, width: int) -> None:
        y = at + self._title_lines - self.scroll_offset.y
        if self._title_lines <= y < self.size.height:
            self.refresh(Region(x, y, width, 1))

    def _line_at(self, at: int) -> int | None:
        """The line that the painted line `at` is of."""
        index = bisect_right(self._starts, at) - 1
        return index if 0 <= at < len(self._painted) and index >= 0 else None

    # Painting

    def render_line(self, y: int) -> Strip:
        width = self._room
        base = self.rich_style
        if (width, self.size.height) != self._fitted_to:
            # Lines are asked for before the word of a new size arrives.
            self._lay_out()
            self._painted = [cells for line in self.lines for cells in self._cells(line, time.time())]
        if y < self._title_lines:
            return self._titles(width, base)
        at = y - self._title_lines + self.scroll_offset.y
        index = self._line_at(at)
        if index is None:
            return Strip.blank(width, base)
        line, cells = self.lines[index], self._painted[at]
        is_cursor = isinstance(line, Row) and line.name == self.selected and bool(cells)
        if is_cursor:
            base += self._style("cursor" if self.has_focus else "cursor-away")
        segments = [self._gutter(line, is_cursor, base, is_first=at == self._starts[index])]
        for number, parts in enumerate(cells):
            if number and parts:  # else the cell before it goes on over it
                segments.append(Segment(" " * GAP, base))
            segments += [Segment(text, base + self._style(style) if style else base) for text, style in parts]
        return Strip(segments).adjust_cell_length(width, base)

    def _gutter(self, line: Line, is_cursor: bool, base: Style, *, is_first: bool) -> Segment:
        if isinstance(line, Heading):
            return Segment("  ", base)
        if line.name in self._labels and is_first:
            return Segment(f" {self._labels[line.name]} ", base + Style(reverse=True, bold=True))
        mark = "*" if line.name in self.marked and is_first else " "
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
        if (self._room, self.size.height) != self._fitted_to:
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
        room = self.size.height - self._title_lines
        if index is None or room <= 0:
            return
        top = self.scroll_offset.y
        # The heading above the first agent of a group shall be seen with it.
        first = self._starts[index] - (1 if index and isinstance(self.lines[index - 1], Heading) else 0)
        last = self._starts[index] + self._card - 1
        if first < top:
            self.scroll_to(y=first, animate=False)
        elif last >= top + room:
            self.scroll_to(y=last - room + 1, animate=False)

    def action_move(self, by: int) -> None:
        names = [row.name for row in self.rows]
        if not names:
            return
        at = names.index(self.selected) if self.selected in names else 0
        self.select(names[max(0, min(len(names) - 1, at + by))])

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, (self.size.height - self._title_lines) // self._card - 1))

    def label(self, labels: str) -> dict[str, str]:
        """Put a label before each agent that is seen; return them with their agents. “” takes them away."""
        top = self.scroll_offset.y
        bottom = top + self.size.height - self._title_lines
        pairs = zip(self.lines, self._starts, strict=True)
        seen = [line.name for line, at in pairs if isinstance(line, Row) and top <= at < bottom]
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
        index = self._line_at(event.y - self._title_lines + self.scroll_offset.y)
        if event.y < self._title_lines or index is None:
            return
        line = self.lines[index]
        if isinstance(line, Row):
            self.select(line.name)
            if event.x < _GUTTER:
                self._mark(self.marked ^ {line.name})
            elif event.chain == 2:
                self.post_message(self.Opened(line.name))
