"""A page of text that is only read: schedules, the digest, the brief of an agent, the record of landings."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from agentdeck.core.text.text import plain
from agentdeck.errors import DeckError
from agentdeck.tui.keys.keys import BACK, QUIT, bound


class PageScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [*bound([BACK, QUIT])]

    def __init__(self, title: str, text: Callable[[], str]) -> None:
        """`text` may take its time."""
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog help") as scroll:
            scroll.border_title = self._title
            yield Static("…", id="text")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(VerticalScroll))
        self._read()

    @work(thread=True, exclusive=True)
    def _read(self) -> None:
        try:
            text = self._text()
        except DeckError as error:
            text = str(error)
        self.app.call_from_thread(self._show, text)

    def _show(self, text: str) -> None:
        lines = [plain(line) for line in text.splitlines()]
        self.query_one("#text", Static).update(Content("\n".join(lines) or "Nothing."))

    def action_back(self) -> None:
        self.dismiss()

    action_quit = action_back
