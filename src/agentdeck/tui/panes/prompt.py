"""One line to type into at the foot of a pane; not there until something is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label

from agentdeck.tui.keys.keys import BACK, bound

Answer = Callable[[str | None], None]
"""Gets what was typed, or None where it was left without an answer."""


class Prompt(Horizontal):
    BINDINGS: ClassVar[list[BindingType]] = [*bound([BACK])]

    def __init__(self) -> None:
        super().__init__()
        self._answer: Answer | None = None
        self._changed: Answer | None = None

    def compose(self) -> ComposeResult:
        yield Label("", markup=False)
        yield Input(compact=True)

    @property
    def is_open(self) -> bool:
        return self._answer is not None

    def ask(
        self, label: str, answer: Answer, *, value: str = "", hint: str = "", changed: Answer | None = None
    ) -> None:
        """Ask for one line; `changed` gets it meanwhile, at every key."""
        self._answer, self._changed = answer, changed
        self.query_one(Label).update(f"{label} ")
        box = self.query_one(Input)
        with self.prevent(Input.Changed):
            box.value = value
        box.placeholder = hint
        box.cursor_position = len(value)
        self.display = True
        self.screen.set_focus(box)

    def _close(self, text: str | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            # It takes the focus; Textual would give that of a hidden widget to just any other.
            answer(text)
        self.display = False

    def cancel(self) -> None:
        if self.is_open:
            self._close(None)

    def action_back(self) -> None:
        self._close(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close(event.value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._changed is not None and self.is_open:
            self._changed(event.value)
