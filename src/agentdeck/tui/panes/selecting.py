"""Text that can be selected, with the mouse or by a key, and then copied."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from agentdeck.tui.look.look import has_few_colours


class SelectingView(ScrollView):
    """A view of rows. Subclasses tell the text of a row, and pass what they paint of it through `selectable`."""

    def row_count(self) -> int:
        return 0

    def row_text(self, row: int) -> str:
        """The text of the row as it is painted, without what is scrolled away at its left being cut."""
        return ""

    @property
    def aside(self) -> int:
        """Columns of a row that are scrolled away at its left."""
        return self.scroll_offset.x

    def selectable(self, strip: Strip, row: int) -> Strip:
        """`strip` with what is selected of it marked, and so that the mouse knows where it is."""
        left = self.aside
        selection = self.text_selection
        span = selection.get_span(row) if selection is not None else None
        if span is not None:
            length = strip.cell_length
            first = min(length, max(0, span[0] - left))
            last = length if span[1] < 0 else min(length, max(first, span[1] - left))
            before, inside, after = strip.divide([first, last, length]) if last > first else (strip, None, None)
            if inside is not None and after is not None:
                marked = Strip(Segment.apply_style(inside, post_style=self._selected()), inside.cell_length)
                strip = Strip.join([before, marked, after])
        return strip.apply_offsets(left, row)

    def _selected(self) -> Style:
        if has_few_colours(self.app):
            return Style(reverse=True)
        return Style(bgcolor=self.screen.get_component_rich_style("screen--selection").bgcolor)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        last = self.row_count() - 1
        first = selection.start.y if selection.start is not None else 0
        end = min(last, selection.end.y) if selection.end is not None else last
        rows = []
        for row in range(max(0, first), end + 1):
            start, stop = selection.get_span(row) or (0, 0)
            text = self.row_text(row)
            rows.append(text[start:] if stop < 0 else text[start:stop])
        return "\n".join(row.rstrip() for row in rows), "\n"

    def select_rows(self, first: int, last: int) -> None:
        """Select these rows as a whole."""
        if self.row_count():
            self.screen.selections = {self: Selection(Offset(0, first), Offset(len(self.row_text(last)), last))}
