"""Choose a theme: each is shown as soon as it is the current one."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from agentdeck.tui.keys.keys import BACK, bound


class ThemeDialog(ModalScreen[str | None]):
    """Is answered with the theme that shall be kept; None leaves the one that was there."""

    BINDINGS: ClassVar[list[BindingType]] = [*bound([BACK])]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog themes"):
            yield Label("Theme", classes="question")
            names = sorted(self.app.available_themes, key=lambda name: (not name.startswith("textual-"), name))
            yield OptionList(*(Option(name, id=name) for name in names), classes="choices")
            yield Label("⏎ keeps it in your own file, esc leaves the old one", classes="loss")

    def on_mount(self) -> None:
        self._before = self.app.theme
        options = self.query_one(OptionList)
        options.highlighted = options.get_option_index(self._before)
        options.focus()

    @on(OptionList.OptionHighlighted)
    def _seen(self, event: OptionList.OptionHighlighted) -> None:
        if event.option.id is not None:
            self.app.theme = event.option.id

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_back(self) -> None:
        self.app.theme = self._before
        self.dismiss(None)
