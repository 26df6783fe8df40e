"""A view of lines that stays at their end as they come, until a person scrolls up."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.geometry import Size
from textual.reactive import reactive

from agentdeck.tui.keys.keys import FAR, MOVE, SELECT, bound
from agentdeck.tui.panes.selecting import SelectingView

SIDEWAYS = 8
"""Columns that one key scrolls to the side."""


class FollowView(SelectingView, can_focus=True, inherit_bindings=False):
    """Subclasses draw lines in `render_line` and tell in `grown` how many there are."""

    DEFAULT_CLASSES = "pane--view"
    BINDINGS: ClassVar[list[BindingType]] = [*bound((*MOVE, SELECT))]

    follows = reactive(True)
    """Whether the end is shown, and will be when more comes. Scrolling up ends it, going to the end begins it again."""

    holds_end = True
    """Whether the last of the lines that are held is the last there is."""

    def grown(self, width: int, height: int) -> None:
        """The lines are so wide and so many now."""
        self.virtual_size = Size(width, height)
        self._keep_end()
        self.refresh()
        self.call_after_refresh(self._place_bar)

    def _place_bar(self) -> None:
        # A bar that was not there when the place changed does not know of it.
        if self.show_vertical_scrollbar and self.vertical_scrollbar.position != self.scroll_y:
            self.vertical_scrollbar.position = self.scroll_y

    def _keep_end(self) -> None:
        if self.follows:
            self._go(self.max_scroll_y)

    def _go(self, y: float) -> None:
        # By force: the bar that would allow it comes only with the next layout. At once: what is put off to then would
        # undo what a person did meanwhile.
        self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def on_resize(self) -> None:
        self._keep_end()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        # Only a person scrolls up: we scroll to the end, and where lines go away the end comes up by itself.
        if new_value >= self.max_scroll_y and self.holds_end:
            self.follows = True
        elif new_value < old_value:
            self.follows = False

    def action_scroll_end(self) -> None:
        self.follows = True
        self._keep_end()

    def action_scroll_home(self) -> None:
        self._go(0)

    def action_move(self, by: int) -> None:
        # Far more than there are lines: to an end.
        if by >= FAR:
            self.action_scroll_end()
        else:
            self._go(self.scroll_offset.y + by)

    def action_page(self, by: int) -> None:
        self._go(self.scroll_offset.y + by * (self.size.height - 1))

    def action_select(self) -> None:
        """Select what is seen; there is no current line to begin from."""
        top = self.scroll_offset.y
        self.select_rows(top, min(self.row_count(), top + self.size.height) - 1)

    def action_sideways(self, by: int) -> None:
        self.scroll_to(x=self.scroll_x + by * SIDEWAYS, animate=False)
