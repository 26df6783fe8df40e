"""The upper and the lower line of the selected agent's frame: its name and tabs, and the keys of the tab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.message import Message
from textual.reactive import reactive

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.text import columns as columns_of
from agentdeck.core.text.text import cut, plain
from agentdeck.tui.keys.keymap import first_key
from agentdeck.tui.keys.keys import BY_ID
from agentdeck.tui.list.frame import BOTTOM, TOP, FrameLine, Piece, width_of

_WORDS, _LEAST_NAME = 66, 8


class TabBar(FrameLine):
    """The selected agent's name, the tabs of what can be seen of it, each with its key, and how it stands."""

    agent: reactive[str] = reactive("", layout=False)
    model: reactive[str] = reactive("", layout=False)
    active: reactive[str] = reactive("", layout=False)
    counts: reactive[Mapping[str, str]] = reactive(dict, layout=False)
    """What stands beside the words of tabs."""
    state: reactive[tuple[str, str]] = reactive(("", ""), layout=False)
    """A word at the right, and its style."""

    @dataclass
    class Chosen(Message):
        tab: str

    def __init__(self, tabs: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(TOP, id=id)
        self._tabs = list(tabs)

    def pieces(self, room: int) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
        labels = self._labels(room)
        pieces: list[Piece] = [*self._title(room - width_of(_flat(labels)) - 4), ("─ ", "")]
        for label in labels:
            pieces += [*label, (" ", "")]
        return pieces[:-1], (), [self.state] if self.state[0] else ()

    def _title(self, room: int) -> list[Piece]:
        name = cut(plain(self.agent) or "no agent", max(_LEAST_NAME, room))
        model = f" · {plain(self.model)}" if self.model else ""
        if columns_of(name) + columns_of(model) + 12 > room:
            model = ""
        return [(name, "bold $foreground"), (f"{model} ", "$foreground 65%")]

    def _labels(self, room: int) -> list[list[Piece]]:
        """Each tab's pieces; with little room only the active one has its word."""
        whole = [self._label(tab, word=True) for tab in self._tabs]
        if width_of(_flat(whole)) + len(whole) + _LEAST_NAME + 4 <= room:
            return whole
        return [self._label(tab, word=tab == self.active) for tab in self._tabs]

    def _label(self, tab: str, *, word: bool) -> list[Piece]:
        key = first_key(BY_ID[f"tab.{tab.lower()}"], self.app._keymap)
        count = f" {self.counts[tab]}" if self.counts.get(tab) else ""
        if tab == self.active:
            return [(f" {key} {tab}{count} ", "$text-accent bold reverse")]
        return [(key, "$text-accent"), (f" {tab}{count} " if word else "", "$foreground 75%")]

    def on_click(self, event: events.Click) -> None:
        room = max(1, self.size.width - 6)
        labels = self._labels(room)
        at = 2 + width_of(self._title(room - width_of(_flat(labels)) - 4)) + 2
        for tab, label in zip(self._tabs, labels, strict=True):
            if at <= event.x < at + width_of(label):
                self.post_message(self.Chosen(tab))
                return
            at += width_of(label) + 1


def _flat(labels: Sequence[Sequence[Piece]]) -> list[Piece]:
    return [piece for label in labels for piece in label]


class TabKeys(FrameLine):
    """The keys of the tab that is seen, the most useful first; those that there is no room for are left out."""

    keys: reactive[tuple[tuple[str, str], ...]] = reactive((), layout=False)
    """Ids of keys, or keys as they are written, and a word or two for each."""

    here: reactive[bool] = reactive(False, layout=False)
    """Whether the keys are in the tab."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(BOTTOM, id=id)

    def pieces(self, room: int) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
        parts: list[Piece] = []
        for keys, word in self.keys if self.here else (("look.pane", "into the tab"),):
            key = " ".join(first_key(BY_ID[each], self.app._keymap) if each in BY_ID else each for each in keys.split())
            more: list[Piece] = [(f"{'  ' if parts else ''}{key}", "$text-accent"), (f" {word}", "$foreground 65%")]
            if width_of(parts) + width_of(more) > room:
                break
            parts += more
        return parts, (), ()
