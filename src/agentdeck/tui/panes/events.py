"""What happened to the agent, newest first: every change of its state, every step of its life, and why."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual import on

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import pad, plain
from agentdeck.engine.views import AgentView
from agentdeck.tui.panes.listed import ListPane
from agentdeck.tui.panes.rows import Piece, RowsView

_MOST = 2000
_LOOKS = {"working": "bar", "waiting": "warn", "limited": "accent", "done": "good", "failed": "bad", "landed": "good"}


class EventsPane(ListPane):
    WATCHES = True
    KEYS: ClassVar = (
        ("move.up move.down", "one in full"),
        ("move.first", "newest"),
        ("move.last", "oldest"),
        ("program.back", "back"),
    )

    _events: Sequence[Event] = ()

    def changed_agent(self) -> None:
        self._events = ()
        super().changed_agent()

    def find(self, view: AgentView) -> list[Event]:
        told = [event for event in self.deck.events(view.name) if event.text]
        return told[: -_MOST - 1 : -1]

    def found(self, view: AgentView, facts: list[Event]) -> None:
        came = len(facts) - len(self._events)
        self._events = facts
        if came > 0 and self.rows.cursor:
            # The same event stays the current one while newer ones come above it.
            self.rows.cursor += came
        self.rows.put([row_of(event) for event in facts])
        self._tell()

    def _tell(self) -> None:
        if not self._events:
            self.say("No events yet.")
            return
        event = self._events[min(self.rows.cursor, len(self._events) - 1)]
        ago = short_duration(max(0.0, time.time() - event.at))
        self.say(f"{ago} ago  {plain(event.text)}")

    @on(RowsView.Moved)
    def _moved(self) -> None:
        self._tell()


def row_of(event: Event) -> list[Piece]:
    moment = datetime.fromtimestamp(event.at).astimezone()
    is_today = moment.date() == datetime.now().astimezone().date()
    clock = moment.strftime("%H:%M:%S" if is_today else "%m-%d %H:%M")
    when: Piece = (f" {clock:<12}", "dim")
    if event.kind == EventKind.STATE_CHANGED:
        state = str(event.data.get("to", ""))
        old = plain(str(event.data.get("from", "")))
        glyph = next((each.glyph for each in State if each == state), "·")
        why = plain(event.text).removeprefix(f"{state}: ").removeprefix(state)
        look = _LOOKS.get(state, "dim")
        return [when, (f"{glyph} {pad(plain(state), 10)}", look), (why, ""), (f"  (was {old})" if old else "", "dim")]
    subject, _, verb = event.kind.partition(".")
    glyph, look = ("!", "warn") if event.kind == EventKind.WARNING else ("·", "dim")
    return [
        when,
        (f"{glyph} {pad(plain(subject), 10)}", look),
        (plain(event.text), ""),
        (f"  ({plain(verb)})" if verb else "", "dim"),
    ]
