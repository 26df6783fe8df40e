"""Rows of text, one of them the current one. Each is painted when it is looked at: many cost as little as few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from agentdeck.core.frozen import dataclass
from agentdeck.tui.keys.keys import MOVE, OPEN, SELECT, bound
from agentdeck.tui.look.look import has_few_colours
from agentdeck.tui.panes.follow import SIDEWAYS
from agentdeck.tui.panes.selecting import SelectingView

Piece = tuple[str, str]
"""A text that is clean, and the name of its look; “” is a plain one."""
LOOKS = (
    "dim strong accent good bad warn added removed word-added word-removed head cursor cursor-away remark bar "
    "code-keyword code-string code-number code-comment code-name"
).split()

_GROUNDS = frozenset("added removed word-added word-removed head cursor cursor-away remark".split())
"""The looks that give a background."""


class RowsView(SelectingView, can_focus=True, inherit_bindings=False):
    """Subclasses say how many rows there are, and what is in each."""

    DEFAULT_CLASSES = "pane--view"
    BINDINGS: ClassVar[list[BindingType]] = [*bound((*MOVE, OPEN, SELECT))]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"row--{name}" for name in LOOKS}
    FIXED = 0
    """Columns at the left that stay where they are when the rest is scrolled to the side."""

    @dataclass
    class Opened(Message):
        """A person pressed Enter on a row, or clicked it twice."""

        view: RowsView
        row: int

    @dataclass
    class Moved(Message):
        """Another row is the current one."""

        view: RowsView
        row: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self._looks: dict[str, Style] = {}
        self._anchor_row: int | None = None
        """The row from which a person selects by keys."""

    # What subclasses say

    def count(self) -> int:
        return 0

    def pieces(self, row: int) -> Sequence[Piece]:
        return ()

    def ground(self, row: int) -> str:
        """The look whose background the row has; “” for that of the view."""
        return ""

    # What is shown

    def renew(self, width: int = 0) -> None:
        """The rows are others now; `width` is how wide the widest is where it may be scrolled to the side."""
        self.virtual_size = Size(width, self.count())
        self.cursor = max(0, min(self.cursor, self.count() - 1))
        self._see_cursor()
        self.refresh()
        self.call_after_refresh(self._place_bar)

    def _place_bar(self) -> None:
        # A bar that was not there when the place changed does not know of it.
        if self.show_vertical_scrollbar and self.vertical_scrollbar.position != self.scroll_y:
            self.vertical_scrollbar.position = self.scroll_y

    def go_to(self, row: int) -> None:
        row = max(0, min(row, self.count() - 1))
        if row != self.cursor:
            self.cursor = row
            self.refresh()
            self.post_message(self.Moved(self, row))
            self._select_to_cursor()
        self._see_cursor()

    def _see_cursor(self) -> None:
        height = self.scrollable_content_region.height
        top = self.scroll_offset.y
        if height <= 0:
            return
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True, immediate=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True, immediate=True)

    def on_resize(self) -> None:
        self._see_cursor()
        self.refresh()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh()

    def notify_style_update(self) -> None:
        self._looks.clear()
        super().notify_style_update()

    def look(self, name: str) -> Style:
        """The style of a look, or of several with blanks between them."""
        found = self._looks.get(name)
        if found is None and " " in name:
            found = self._looks[name] = Style.combine(map(self.look, name.split()))
        if found is None:
            whole = self.get_component_rich_style(f"row--{name}")
            is_ground = name in _GROUNDS
            few = has_few_colours(self.app)  # no background is so faint then that it can be written on
            found = Style(
                color=None if is_ground and not few else whole.color,
                bgcolor=whole.bgcolor if is_ground and not few else None,
                bold=whole.bold or None,
                italic=whole.italic or None,
            )
            if few and name in ("cursor", "cursor-away"):
                found = Style(reverse=True)
            self._looks[name] = found
        return found

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        left, top = self.aside, self.scroll_offset.y
        row = y + top
        if row >= self.count():
            return Strip.blank(width, base)
        if ground := self.ground(row):
            base += self.look(ground)
        if row == self.cursor:
            base += self.look("cursor" if self.has_focus else "cursor-away")
        segments = [Segment(text, self.look(name) if name else None) for text, name in self.pieces(row) if text]
        strip = Strip(segments)
        if not left:
            return self.selectable(strip.crop_extend(0, width, base).apply_style(base), row)
        fixed = strip.crop_extend(0, self.FIXED, base)
        rest = strip.crop_extend(self.FIXED + left, left + width, base)
        return self.selectable(Strip.join([fixed, rest]).apply_style(base), row)

    def row_count(self) -> int:
        return self.count()

    def row_text(self, row: int) -> str:
        return "".join(text for text, _ in self.pieces(row))

    # Keys and mouse

    def action_move(self, by: int) -> None:
        self.go_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        self.go_to(self.cursor + by * max(1, self.scrollable_content_region.height - 1))

    def action_select(self) -> None:
        """Select from this row on as the cursor moves; again: no more."""
        if self._anchor_row is None:
            self._anchor_row = self.cursor
            self._select_to_cursor()
        else:
            self.screen.clear_selection()

    def _select_to_cursor(self) -> None:
        if self._anchor_row is not None:
            self.select_rows(min(self._anchor_row, self.cursor), max(self._anchor_row, self.cursor))

    def selection_updated(self, selection: Selection | None) -> None:
        if selection is None:
            self._anchor_row = None
        super().selection_updated(selection)

    def action_sideways(self, by: int) -> None:
        self.scroll_to(x=self.scroll_x + by * SIDEWAYS, animate=False)

    def action_open(self) -> None:
        if self.count():
            self.post_message(self.Opened(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        row = event.y + self.scroll_offset.y
        if 0 <= row < self.count():
            self.go_to(row)
            if event.chain == 2:
                self.action_open()


class TextRows(RowsView):
    """Rows that are known beforehand."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: Sequence[Sequence[Piece]] = ()

    def put(self, rows: Sequence[Sequence[Piece]]) -> None:
        """Show these rows; nothing is painted where they are the same as before."""
        if rows != self.rows:
            self.rows = rows
            self.renew()

    def count(self) -> int:
        return len(self.rows)

    def pieces(self, row: int) -> Sequence[Piece]:
        return self.rows[row]
