"""The lines of a frame: corners, a rule, and words on it. The sides are borders of what stands between two of them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from agentdeck.core.text.text import columns as columns_of
from agentdeck.core.text.text import cut

Piece = tuple[str, str]
"""A text and its style as Textual reads it."""
TOP, MIDDLE, BOTTOM = "╭╮", "├┤", "╰╯"
_RULE = "─"


class Frame(Vertical):
    """A panel between two frame lines. It is bright while the keys are in it."""

    DEFAULT_CLASSES = "frame"

    def on_descendant_focus(self) -> None:
        self.keys_here(True)

    def on_descendant_blur(self) -> None:
        self.keys_here(self.has_focus_within)

    def keys_here(self, here: bool) -> None:
        # A rule with :focus-within does not reach the children at once.
        if here == self.has_class("-keys-here"):
            return
        self.set_class(here, "-keys-here", update=False)
        # Its lines and sides alone look otherwise: to style all that stands between them would be felt at a key.
        parts = [*self.children, *(part for child in self.children for part in child.children)]
        self.app.stylesheet.update_nodes([self, *parts], animate=False)


class FrameLine(Widget):
    """Subclasses say what stands on it; its own colour is that of the rule."""

    DEFAULT_CLASSES = "frame--line"
    ALLOW_SELECT = False

    def __init__(self, corners: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._corners = corners

    def pieces(self, room: int) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
        """What stands at the left, in the middle and at the right, in `room` columns."""
        return (), (), ()

    def render(self) -> Content:
        return framed(self._corners, *self.pieces(max(1, self.size.width - 6)), self.size.width)


def framed(corners: str, left: Sequence[Piece], middle: Sequence[Piece], right: Sequence[Piece], width: int) -> Content:
    """A frame's line of `width` columns; what does not fit is left out, the right part first, then the middle."""
    groups = [_spaced(left), _spaced(middle), _spaced(right)]
    for at in (2, 1):
        if sum(map(width_of, groups)) > width - 4:
            groups[at] = []
    if width_of(groups[0]) > width - 4:
        text = "".join(text for text, _ in groups[0])
        groups[0] = [(cut(text, max(1, width - 4)), groups[0][0][1])]
    rest = max(0, width - 2 - sum(map(width_of, groups)) - (1 if groups[2] else 0))
    first = rest // 2 if groups[1] else 0
    parts: list[Piece] = [(corners[0], ""), *groups[0], (_RULE * first, ""), *groups[1]]
    parts += [(_RULE * (rest - first), ""), *groups[2], (_RULE if groups[2] else "", ""), (corners[1], "")]
    return Content("").join([Content.styled(text, style) for text, style in parts if text])


def _spaced(pieces: Sequence[Piece]) -> list[Piece]:
    return [(" ", ""), *pieces, (" ", "")] if pieces else []


def width_of(pieces: Sequence[Piece]) -> int:
    return sum(columns_of(text) for text, _ in pieces)
