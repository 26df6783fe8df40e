"""What one agent changed, on a screen of its own: for an agent of another repository."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content

from agentdeck.core.text.text import plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.tui.acts.actions import Actions
from agentdeck.tui.keys.keys import BACK, CANCEL, HELP, QUIT, bound
from agentdeck.tui.list.header import KeyBar
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.list.messages import MessageLine
from agentdeck.tui.panes.diff import DiffPane
from agentdeck.tui.panes.rows import RowsView
from agentdeck.tui.screens.listing import Beside


class ChangesScreen(Beside):
    BINDINGS: ClassVar[list[BindingType]] = [*bound([BACK, QUIT, CANCEL, HELP])]

    def __init__(self, deck: Deck, actions: Actions, view: AgentView) -> None:
        super().__init__()
        self.deck, self.actions, self._view = deck, actions, view

    def compose(self) -> ComposeResult:
        with Container(id="listing"), Container(id="lines") as frame:
            title = Content.styled(f"Changes of {plain(self._view.name)}", "bold $foreground")
            where = Content.styled(f"  {plain(self.deck.root.name)}", "$foreground 60%")
            frame.border_title = Content("").join([title, where])
            yield DiffPane(self.deck)
        yield MessageLine(id="messages")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        pane = self.query_one(DiffPane)
        pane.show(self._view)
        pane.set_active(True)
        self.set_focus(self.query_one(RowsView))
        self._show_hints()

    def _show_hints(self) -> None:
        if not self.query("#keys"):  # not composed yet, or not any more
            return
        keymap = self.app._keymap
        names = ("diff.comment", "diff.send", "diff.revert", "diff.discard", "look.wrap", "diff.sides")
        back = hint_of(BACK.id, keymap, "back")
        self.query_one(KeyBar).hints = (*(hint_of(name, keymap) for name in names), hint_of(HELP.id, keymap), back)

    def look_again(self) -> None:
        self.query_one(DiffPane).look()
