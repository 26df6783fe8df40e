"""The lower line of the list's frame: how it is sorted and narrowed, and how many agents that leaves."""

from __future__ import annotations

from collections.abc import Sequence

from textual.reactive import reactive

from agentdeck.core.text.text import cut, plain
from agentdeck.tui.keys.keymap import first_key
from agentdeck.tui.keys.keys import BY_ID
from agentdeck.tui.list.frame import BOTTOM, FrameLine, Piece


class ListFoot(FrameLine):
    order: reactive[str] = reactive("", layout=False)
    grouping: reactive[str] = reactive("", layout=False)
    narrowed: reactive[str] = reactive("", layout=False)
    """What the list is narrowed to; “” where it is not."""
    shown: reactive[int] = reactive(0, layout=False)
    all: reactive[int] = reactive(0, layout=False)
    marked: reactive[int] = reactive(0, layout=False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(BOTTOM, id=id)

    def pieces(self, room: int) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
        dim = "$foreground 65%"
        left: list[Piece] = [(f"{self._key('look.order')}", "$text-accent"), (f" sort: {self.order}", dim)]
        if self.grouping not in ("", "none"):
            left += [(f"  {self._key('look.group')}", "$text-accent"), (f" by {self.grouping}", dim)]
        middle: list[Piece] = []
        if self.narrowed:
            middle += [(f"only {cut(plain(self.narrowed), 40)} ", "$text-warning bold"), ("esc shows all", dim)]
        if self.marked:
            word = f"{self.marked} marked"
            middle += [("  " if middle else "", ""), (f"* {word} ", "$text-accent bold"), ("verbs act on them", dim)]
        count = f"{self.shown}/{self.all}" if self.shown != self.all else f"{self.all}"
        return left, middle, [(f"{count} agent{'' if self.all == 1 else 's'}", dim)]

    def _key(self, name: str) -> str:
        return first_key(BY_ID[name], self.app._keymap)
