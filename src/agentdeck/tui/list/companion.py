"""On a large terminal, the changes of the selected agent below what one looks at."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.css.query import NoMatches
from textual.timer import Timer

from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.tui.keys.keymap import first_key
from agentdeck.tui.keys.keys import BY_ID
from agentdeck.tui.list.frame import MIDDLE, FrameLine, Piece

_REST = 0.4
"""Seconds that a selection must rest before git is asked about it: a key held down asks nothing."""


class CompanionLine(FrameLine):
    def __init__(self) -> None:
        super().__init__(MIDDLE)

    def pieces(self, room: int) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
        key = first_key(BY_ID["tab.diff"], self.app._keymap)
        return [("changes", "bold $foreground")], (), [(key, "$text-accent"), (" opens them", "$foreground 65%")]


class Companion(Vertical):
    def __init__(self, deck: Deck, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._deck = deck
        self._view: AgentView | None = None
        self._wanted = False
        self._pane: Any = None
        self._timer: Timer | None = None
        self._is_read = False

    def compose(self) -> ComposeResult:
        yield CompanionLine()
        yield Container(id="companion-pane", classes="frame--sides")

    def on_mount(self) -> None:
        self.display = False

    def accompany(self, view: AgentView | None, *, wanted: bool) -> None:
        """Show the changes of that agent, or with not `wanted` nothing."""
        is_other = (view.name if view else "") != (self._view.name if self._view else "")
        if wanted == self._wanted and view == self._view:
            return
        self._view, self._wanted = view, wanted
        self.display = wanted and view is not None
        if self._timer is not None:
            self._timer.stop()
        if not self.display:
            self._stop()
        elif is_other or self._pane is None or not self._pane.active:
            self._stop()
            self._is_read = False
            self._timer = self.set_timer(_REST, self._begin)
        else:
            self._pane.show(view)

    async def _begin(self) -> None:
        if self._pane is None:
            made = importlib.import_module("agentdeck.tui.panes.diff").DiffPane(self._deck)
            self._pane = made
            await self.query_one("#companion-pane").mount(made)
        with suppress(NoMatches):  # parts of it are gone: the dashboard is going down
            self._pane.show(self._view)
            self._pane.set_active(True)

    def expect(self, *, changes: bool) -> None:
        """Until they are read it has the room for what the list says."""
        if not self._is_read:
            self.set_class(not changes, "-nothing")

    def on_diff_pane_read(self, event: Any) -> None:
        """Where nothing has changed, the line that says so is all."""
        self._is_read = True
        self.set_class(event.is_empty, "-nothing")

    def _stop(self) -> None:
        if self._pane is not None:
            self._pane.set_active(False)
            self._pane.show(None)
