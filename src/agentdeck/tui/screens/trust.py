"""The dialog that shows what a repository's configuration runs, reaches or loosens, and asks a person to approve it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Label, Static

from agentdeck.core.config.trust import NOT_COVERED, Change, told
from agentdeck.core.text.text import plain
from agentdeck.tui.dialogs.dialogs import YesOrNo
from agentdeck.tui.list.header import Piece
from agentdeck.tui.screens.listing import lines

if TYPE_CHECKING:
    from agentdeck.engine.views.trust import ApprovalStanding

_STYLES = {"-": "$text-error", "+": "$text-success"}


class TrustDialog(YesOrNo):
    """Whatever is not a clear yes is a no. Its yes is a key that nobody presses by accident: the dialog may come up
    while a person types."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("Y", "answer(True)", "Approve", show=False),
        Binding("n,N,escape,q", "answer(False)", "Not now", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
    ]

    def __init__(self, standing: ApprovalStanding, running_files: Sequence[str]) -> None:
        super().__init__()
        self._standing, self._files = standing, running_files

    def compose(self) -> ComposeResult:
        changed = "It changed since you approved it. " if self._standing.approved is not None else ""
        with Vertical(classes="dialog trust"):
            yield Label("Approve this repository's configuration?", classes="question", markup=False)
            yield Label(f"{changed}It is not used until you approve it.", classes="loss", markup=False)
            with VerticalScroll(id="changes", can_focus=False):
                yield Static(lines(*change_lines(self._standing.changes)), markup=False)
                if self._files:
                    text = f"Not covered: {', '.join(self._files)}; agent programs run commands from these files."
                    yield Label(plain(text), classes="loss warn", markup=False)
                yield Label(NOT_COVERED, classes="loss", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Not now (n)", id="no", variant="primary", compact=True)
                yield Button("Approve (Y)", id="yes", variant="error", compact=True)

    def action_scroll(self, rows: int) -> None:
        self.query_one("#changes").scroll_relative(y=rows, animate=False)


def change_lines(changes: Sequence[Change]) -> list[Piece]:
    """The same words as the command line's, removed and added values in colour."""
    return [(line, _STYLES.get(line.lstrip()[:1], "")) for line in told(changes)]
