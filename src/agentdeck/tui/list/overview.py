"""On a large terminal, below the list of agents: how the last hour went, and who conflicts with whom."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from agentdeck.core.agents.timeline import Span, cells, spans
from agentdeck.core.merging.radar import RadarReport, Verdict
from agentdeck.core.text.text import cut, pad, plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.errors import DeckError
from agentdeck.tui.keys.keymap import first_key
from agentdeck.tui.keys.keys import BY_ID
from agentdeck.tui.list.bars import bar
from agentdeck.tui.list.frame import MIDDLE, FrameLine, Piece

_PERIOD = 3600.0
_EVERY = 10.0
_NAME = 16
_CONFLICTS = 3
"""Conflicts that are listed."""
LEAST = 6
"""Lines that it needs to be of use."""


class _Title(FrameLine):
    def __init__(self) -> None:
        super().__init__(MIDDLE)

    def pieces(self, room: int) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
        keymap = self.app._keymap
        timeline, radar = (first_key(BY_ID[id], keymap) for id in ("view.timeline", "deck.radar"))
        dim, key = "$foreground 65%", "$text-accent"
        told = [(timeline, key), (" timeline  ", dim), (radar, key), (" radar", dim)]
        return [("last hour", "bold $foreground")], (), told


class Overview(Vertical):
    def __init__(self, deck: Deck, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._deck = deck
        self._views: Sequence[AgentView] = ()
        self._radar: RadarReport | None = None
        self._courses: dict[str, list[Span]] = {}
        self._lines = 0
        self._painted = Content()

    def compose(self) -> ComposeResult:
        yield _Title()
        yield Static(id="overview-lines", classes="frame--sides", markup=False)

    def on_mount(self) -> None:
        self.display = False
        self.set_interval(_EVERY, self._look)

    def on_resize(self) -> None:
        # It has no width yet when it is shown for the first time.
        if self.display:
            self._paint()

    def show(self, views: Sequence[AgentView], radar: RadarReport | None, lines: int) -> None:
        """Show this in so many lines; nothing where that is too few."""
        is_new = [view.name for view in views] != [view.name for view in self._views] or not self.display
        self._views, self._radar, self._lines = views, radar, lines
        self.display = lines >= LEAST and bool(views)
        if self.display:
            self._paint()
        if is_new:
            self._look()

    def _look(self) -> None:
        if self.display and not any(not worker.is_finished for worker in self.workers if worker.node is self):
            self.run_worker(self._find, thread=True, exit_on_error=False, name="courses")

    def _find(self) -> dict[str, list[Span]]:
        now = time.time()
        found: dict[str, list[Span]] = {}
        for view in self._shown():
            with suppress(DeckError):  # of one whose record is damaged, nothing is told
                found[view.name] = spans(self._deck.events(view.name), view.agent.created, now)
        return found

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        event.stop()
        if event.state is WorkerState.SUCCESS and event.worker.name == "courses":
            self._courses = event.worker.result or {}
            self._paint()

    def _conflicts(self) -> list[tuple[str, str]]:
        pairs = self._radar.pairs if self._radar is not None else ()
        return [(pair.a, pair.b) for pair in pairs if pair.verdict is Verdict.CONFLICTS][:_CONFLICTS]

    def _shown(self) -> Sequence[AgentView]:
        return self._views[: max(1, self._lines - 1 - len(self._conflicts()))]

    def _paint(self) -> None:
        width, now = max(20, self.size.width - _NAME - 4), time.time()
        lines = []
        for view in self._shown():
            states = cells(self._courses.get(view.name, ()), now - _PERIOD, now, width)
            name = Content.styled(f" {pad(cut(plain(view.name), _NAME), _NAME)} ", "$foreground 80%")
            lines.append(Content("").join([name, bar(states)]))
        for one, other in self._conflicts():
            mark = Content.styled(" ✗ ", "$text-error bold")
            told = cut(f"{plain(one)} conflicts with {plain(other)}", width + _NAME - 2)
            lines.append(Content("").join([mark, Content(told)]))
        shown = Content("\n").join(lines)
        if shown != self._painted:
            self._painted = shown
            self.query_one("#overview-lines", Static).update(shown)
