"""Small questions over the screen: yes or no, one line of text, all about a new agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Input, Label, OptionList

from agentdeck.core.text.text import plain
from agentdeck.tui.keys.keymap import with_keys


def sentences(text: str, keymap: Mapping[str, str]) -> str:
    """The lines of `text` with this person's keys in them, each safe to show."""
    return "\n".join(plain(with_keys(line, keymap)) for line in text.splitlines())


class Tick(Checkbox):
    """A checkbox that shows without colours whether it is ticked."""

    def __init__(self, label: str, value: bool, *, id: str) -> None:
        super().__init__(label, value, id=id, compact=True)

    @property
    def _button(self) -> Content:
        return Content.styled("[x]" if self.value else "[ ]", "$text-accent bold")


class YesOrNo(ModalScreen[bool]):
    """Has the buttons `yes` and `no`, and begins at the no."""

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#no"))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class Confirm(YesOrNo):
    """Ask before something is done that takes something away. Whatever is not a clear yes is a no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", show=False),
        Binding("n,N,escape,q", "answer(False)", "No", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]

    def __init__(self, question: str, loss: str, *, yes: str, no: str = "Keep it") -> None:
        """`loss` is one sentence: what would be gone, and what not. `yes` is the verb on the button that does it."""
        super().__init__()
        self._question, self._loss, self._yes, self._no = question, loss, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(plain(self._question), classes="question", markup=False)
            yield Label(sentences(self._loss, self.app._keymap), classes="loss", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(f"{self._no} (n)", id="no", variant="primary", compact=True)
                yield Button(f"{self._yes} (y)", id="yes", variant="error", compact=True)


class Ask(ModalScreen[str | None]):
    """Ask for one line; None when it was left without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Leave", show=False)]

    def __init__(self, question: str, *, hint: str = "", value: str = "", may_be_empty: bool = False) -> None:
        super().__init__()
        self._question, self._hint, self._value, self._may_be_empty = question, hint, value, may_be_empty

    def compose(self) -> ComposeResult:
        with Vertical(classes="ask"):
            yield Label(plain(self._question), classes="question", markup=False)
            yield Input(self._value, placeholder=self._hint, id="line")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.value.strip() or self._may_be_empty:
            self.dismiss(event.value)

    def action_cancel(self) -> None:
        self.dismiss(None)


class Choose(ModalScreen[str | None]):
    """Ask for one of several; None when it was left without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "cancel", "Leave", show=False)]

    def __init__(self, question: str, text: str, options: Sequence[tuple[str, str]]) -> None:
        """`options` are what is shown and what is answered; the first is selected."""
        super().__init__()
        self._question, self._text, self._options = question, text, options

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(plain(self._question), classes="question", markup=False)
            yield Label(plain(self._text), classes="loss", markup=False)
            yield OptionList(*(plain(shown) for shown, _ in self._options), markup=False, classes="choices")
            yield Label("⏎ chooses, esc closes", classes="loss")

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._options[event.option_index][1])

    def action_cancel(self) -> None:
        self.dismiss(None)
