"""All keys, with the ids by which they can be given others."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from agentdeck.core.agents.agent import State
from agentdeck.tui.keys.keymap import shown_keys
from agentdeck.tui.keys.keys import BACK, HELP, QUIT, SECTIONS, Key, bound
from agentdeck.tui.list.header import COLOURS

_KEYS_WIDE, _HELP_WIDE = 11, 66
"""Columns for the keys, and for what they do where the id stands behind that."""
_STATES = {
    State.STARTING: "preparing its worktree, ports and database",
    State.WORKING: "its program is running",
    State.WAITING: "needs a person; the list shows why",
    State.LIMITED: "its provider's limit is reached, or a backup took over",
    State.DONE: "finished its turn without an error",
    State.FAILED: "ended with an error; the list shows why",
    State.STOPPED: "stopped by a person; {agent.resume} resumes it",
    State.LANDED: "its work is on the base branch",
}


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound([BACK, QUIT, HELP]),
    ]

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._keymap = keymap

    def action_back(self) -> None:
        self.dismiss()

    action_quit = action_help = action_back

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog help"):
            yield Static(id="text")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def on_resize(self, event: events.Resize) -> None:
        # As wide as styles/dialogs.tcss makes it, without its border, its padding and the bar.
        self.query_one("#text", Static).update(self._text(min(100, event.size.width * 96 // 100) - 7))

    def _text(self, width: int) -> Content:
        lines = [Content.styled("Keys", "bold"), Content("")]
        for section, keys in SECTIONS.items():
            lines.append(Content.styled(section, "bold $text-accent"))
            for key in keys:
                lines += _lines_of(key, shown_keys(key, self._keymap), width)
            lines.append(Content(""))
        lines.append(Content.styled("States", "bold $text-accent"))
        for state, meaning in _STATES.items():
            word = Content.styled(f"  {state.glyph} {state:9}", COLOURS[state])
            lines.append(Content("").join([word, Content(meaning)]))
        lines += [
            Content(""),
            *_dim("The dim names are for [keys] in agentdeck.toml, which changes a key.", width),
            *_dim("ctrl+p finds every command by name. esc closes this help.", width),
        ]
        return Content("\n").join(lines)


def _lines_of(key: Key, shown: str, width: int) -> list[Content]:
    """What it does beside the key, and its id behind that, or below where there is no room."""
    sentence = [Content(line) for line in wrap(key.help, max(20, width - _KEYS_WIDE))]
    heads = [f"  {shown:{_KEYS_WIDE - 2}}", *[" " * _KEYS_WIDE] * (len(sentence) - 1)]
    lines = [Content("").join([Content.styled(head, "bold"), text]) for head, text in zip(heads, sentence, strict=True)]
    name = Content.styled(key.id, "$foreground 60%")
    if len(lines) == 1 and width >= _KEYS_WIDE + _HELP_WIDE + len(key.id):
        return [Content("").join([lines[0].pad_right(_KEYS_WIDE + _HELP_WIDE - lines[0].cell_length), name])]
    return [*lines, Content("").join([Content(" " * _KEYS_WIDE), name])]


def _dim(text: str, width: int) -> list[Content]:
    return [Content.styled(line, "$foreground 60%") for line in wrap(text, width)]
