"""All keys, with the ids by which they can be given others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from agentdeck.core.agent import State
from agentdeck.tui.header import COLOURS
from agentdeck.tui.keymap import shown_keys
from agentdeck.tui.keys import SECTIONS

_STATES = {
    State.STARTING: "its worktree, ports and database are being made",
    State.WORKING: "its program runs",
    State.WAITING: "it needs a person; the list says for what",
    State.LIMITED: "its model provider makes it wait, or another one took over",
    State.DONE: "its turn is over, and went well",
    State.FAILED: "it ended, and not well; the list says why",
    State.STOPPED: "a person stopped it; r starts it again",
    State.LANDED: "its work is on the base branch",
}


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Back", show=False),
    ]

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog help"):
            yield Static(self._text())

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def _text(self) -> Content:
        lines = [Content.styled("Keys", "bold"), Content("")]
        for section, keys in SECTIONS.items():
            lines.append(Content.styled(section, "bold $text-accent"))
            for key in keys:
                shown = Content.styled(f"  {shown_keys(key, self._keymap):9}", "bold")
                name = Content.styled(key.id, "$foreground 60%")
                lines.append(Content("").join([shown, Content(f"{key.help:66}"), name]))
            lines.append(Content(""))
        lines.append(Content.styled("States", "bold $text-accent"))
        for state, meaning in _STATES.items():
            word = Content.styled(f"  {state.glyph} {state:9}", COLOURS[state])
            lines.append(Content("").join([word, Content(meaning)]))
        lines += [
            Content(""),
            Content.styled("ctrl+p finds every command by name. esc leaves this help.", "$foreground 60%"),
        ]
        return Content("\n").join(lines)
