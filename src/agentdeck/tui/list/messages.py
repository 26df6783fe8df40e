"""The line that says what is being done, and what was done or could not be."""

from __future__ import annotations

from textwrap import wrap

from textual.content import Content
from textual.notifications import SeverityLevel
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.text import cut, plain
from agentdeck.tui.list.frame import Piece, width_of

_STAYS = {"information": 6.0, "warning": 10.0, "error": 30.0}
"""Seconds until a message is no more shown."""
_LOOKS = {
    "information": ("›", "$text-success"),
    "warning": ("!", "$text-warning bold"),
    "error": ("✗", "$text-error bold"),
}
_MOST_LINES = 3
"""Lines that a message gets which does not fit one."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to a person."""

    text: str
    severity: SeverityLevel = "information"


class MessageLine(Widget):
    """A line of its own: nothing else is ever hidden by a message. What is done now stands there between them."""

    text: reactive[str] = reactive("", layout=False)
    """What is being done now."""
    hint: reactive[str] = reactive("", layout=False)
    """The key that cancels it, and what it does; “” for what can't be cancelled."""
    notice: reactive[Notice | None] = reactive(None, layout=True)
    _timer: Timer | None = None

    def tell(self, notice: Notice) -> None:
        if self._timer is not None:
            self._timer.stop()
        self.notice = notice
        self.set_class(notice.severity == "error", "-failure")
        self._timer = self.set_timer(_STAYS[notice.severity], self.clear)

    def clear(self) -> None:
        self.notice = None
        self.remove_class("-failure")

    def render(self) -> Content:
        width = max(1, self.content_size.width)
        if self.notice is not None:
            return _told(self.notice, width)
        if not self.text:
            return Content("")
        hint: list[Piece] = [(f" {self.hint} ", "$text-accent bold")] if self.hint else []
        said = cut(f" ⋯ {plain(self.text)}", max(1, width - width_of(hint)))
        gap = " " * max(0, width - width_of([(said, "")]) - width_of(hint))
        parts = [(said, "$text-accent"), (gap, ""), *hint]
        return Content("").join([Content.styled(text, style) for text, style in parts])


def _told(notice: Notice, width: int) -> Content:
    glyph, style = _LOOKS[notice.severity]
    lines = wrap(notice.text, max(10, width - 4)) or [""]
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], cut(" ".join(lines[_MOST_LINES - 1 :]), max(10, width - 4))]
    shown = [Content.styled(f" {glyph if not at else ' '} {line}", style) for at, line in enumerate(lines)]
    return Content("\n").join(shown)
