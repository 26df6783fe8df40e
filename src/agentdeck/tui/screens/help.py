"""All keys, with the ids by which they can be given others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from textwrap import wrap
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from agentdeck.core.agents.agent import State
from agentdeck.core.text.text import plain
from agentdeck.tui.keys.keymap import shown_keys, with_keys
from agentdeck.tui.keys.keys import BACK, MOVE, SECTIONS, Key, bound
from agentdeck.tui.list.header import COLOURS

_KEYS_WIDE, _HELP_WIDE = 14, 62
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
    """What is typed narrows it to the keys whose sentence, name or section has all the words."""

    BINDINGS: ClassVar[list[BindingType]] = [*bound([BACK, *MOVE[:4]])]

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog help"):
            yield Input(placeholder="search keys, states and words; esc closes", id="words", compact=True)
            with VerticalScroll(can_focus=False):
                yield Static(id="text")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Input))

    def on_resize(self) -> None:
        self._fill()

    @on(Input.Changed)
    def _fill(self) -> None:
        # As wide as styles/dialogs.tcss makes it, without its border, its padding and the bar.
        width = min(100, self.size.width * 96 // 100) - 7
        self.query_one("#text", Static).update(self._text(width, self.query_one(Input).value))
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_back(self) -> None:
        self.dismiss()

    def action_move(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        view = self.query_one(VerticalScroll)
        view.scroll_relative(y=by * max(1, view.size.height - 1), animate=False)

    def _text(self, width: int, query: str = "") -> Content:
        words = query.lower().split()
        lines: list[Content] = []
        for section, keys in SECTIONS.items():
            found = [each for each in _merged(keys, self._keymap) if _has(words, section, *each)]
            if found:
                lines.append(Content.styled(section, "bold $text-accent"))
                for shown, said, name in found:
                    lines += _lines_of(shown, said, name, width)
                lines.append(Content(""))
        states = [(state, with_keys(meaning, self._keymap)) for state, meaning in _STATES.items()]
        told = [each for each in states if _has(words, "states", str(each[0]), each[1])]
        if told:
            lines.append(Content.styled("States", "bold $text-accent"))
        for state, meaning in told:
            word = Content.styled(f"  {state.glyph} {state:9}", COLOURS[state])
            lines.append(Content("").join([word, Content(meaning)]))
        if not lines:
            return Content(f"No key and no state has “{plain(query)}”.")
        lines += [
            Content(""),
            *_dim("The dim names are for [keys] in agentdeck.toml, which changes a key.", width),
            *_dim("ctrl+p finds every command by name.", width),
        ]
        return Content("\n").join(lines)


def _merged(keys: Iterable[Key], keymap: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Each key as it is shown, what it does, and its id; those that do the same stand together."""
    found: list[tuple[str, str, str]] = []
    for said, same in groupby(keys, key=lambda key: key.help):
        group = list(same)
        shown = [shown_keys(key, keymap) for key in group]
        few = " ".join(shown) if len(shown) < 3 else f"{shown[0]} … {shown[-1]}"
        name = group[0].id if len(group) == 1 else f"{group[0].id} …"
        found.append((few, said, name))
    return found


def _has(words: Iterable[str], *texts: str) -> bool:
    text = " ".join(texts).lower()
    return all(word in text for word in words)


def _lines_of(shown: str, said: str, name: str, width: int) -> list[Content]:
    """What it does beside the key, and its id behind that, or below where there is no room."""
    sentence = [Content(line) for line in wrap(said, max(20, width - _KEYS_WIDE))]
    heads = [f"  {shown:{_KEYS_WIDE - 2}}", *[" " * _KEYS_WIDE] * (len(sentence) - 1)]
    lines = [Content("").join([Content.styled(head, "bold"), text]) for head, text in zip(heads, sentence, strict=True)]
    dim = Content.styled(name, "$foreground 60%")
    if len(lines) == 1 and len(said) < _HELP_WIDE and width >= _KEYS_WIDE + _HELP_WIDE + len(name):
        return [Content("").join([lines[0].pad_right(_KEYS_WIDE + _HELP_WIDE - lines[0].cell_length), dim])]
    return [*lines, Content("").join([Content(" " * _KEYS_WIDE), dim])]


def _dim(text: str, width: int) -> list[Content]:
    return [Content.styled(line, "$foreground 60%") for line in wrap(text, width)]
