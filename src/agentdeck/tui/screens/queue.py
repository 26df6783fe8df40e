"""The landing queue: who is landing, how far each has come, why not, and what its gate prints."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.content import Content

from agentdeck.core.text.durations import short_duration
from agentdeck.engine.views.terminal import NOTE
from agentdeck.tui.keys.keys import UNDO, bound
from agentdeck.tui.list.header import KeyHint, Piece
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.look.styled import clean
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

if TYPE_CHECKING:
    from agentdeck.engine.views.landings import Entry, Landing

_SHOWN = 60
"""Landings that are listed, the newest of them."""
_GATE_LINES = 400
"""Lines of a gate's log that are shown, the last of them."""


@dataclass(frozen=True, slots=True)
class Queue:
    landings: tuple[Landing, ...]
    """The newest first."""
    running: frozenset[str]
    gate: tuple[str, ...]
    """What the gate of the selected line printed last."""


class QueueScreen(Listing):
    BINDINGS: ClassVar[list[BindingType]] = [*bound([UNDO])]
    heading = "Landing queue"
    empty = "Nothing has landed yet. Press {agent.land} on an agent that is done to land it."
    columns = (
        ListingColumn("STAGE", 12),
        ListingColumn("AGENT", 10),
        ListingColumn("ON", 6),
        ListingColumn("WORK", 10),
        ListingColumn("WHEN", 8),
    )
    every = 1.0

    def find(self) -> Queue:
        landings = list(reversed(self.deck.landings.all()))[:_SHOWN]
        running = frozenset(each.id for each in landings if self.deck.landings.is_running(each))
        return Queue(tuple(landings), running, tuple(self._gate(landings)))

    def _gate(self, landings: Sequence[Landing]) -> list[str]:
        entries = [(landing, entry) for landing in landings for entry in landing.entries]
        found = next((pair for pair in entries if _key(*pair) == self.selected), entries[0] if entries else None)
        return self.deck.landings.gate_lines(*found, _GATE_LINES) if found is not None else []

    def summary(self, facts: Any) -> str:
        count = len(facts.running)
        return f"{count} landing{'' if count == 1 else 's'} under way" if count else "none under way"

    def items(self, facts: Any) -> Sequence[Item]:
        return [_item(landing, entry) for landing in facts.landings for entry in landing.entries]

    def about(self, facts: Any, key: str) -> Content:
        pairs = [(landing, entry) for landing in facts.landings for entry in landing.entries]
        found = next((pair for pair in pairs if _key(*pair) == key), None)
        return _about(*found, facts.gate) if found else Content()

    def _highlighted(self) -> None:
        self.reload()

    def hints(self) -> Sequence[KeyHint]:
        return (hint_of(UNDO.id, self.app._keymap),) if self.facts and self.facts.landings else ()

    def action_undo(self) -> None:
        from agentdeck.tui.acts.deeds import ask_and_undo

        pairs = [(landing, entry) for landing in self.facts.landings for entry in landing.entries] if self.facts else []
        number = next((entry.step for landing, entry in pairs if _key(landing, entry) == self.selected), 0)
        step = next((step for step in self.deck.history.steps() if step.number == number), None) if number else None
        if step is None:
            self.notify("This landing moved nothing, so there is nothing to undo.", severity="warning")
        elif step.undone:
            self.notify(f"It was already undone by step {step.undone}.", severity="warning")
        else:
            ask_and_undo(self, self.deck, self.actions, step)


def _key(landing: Landing, entry: Entry) -> str:
    return f"{landing.id} {entry.agent}"


_LOOKS = {
    "queued": ("◌", "$foreground 60%"),
    "merging": ("●", "$text-primary"),
    "gating": ("●", "$text-primary"),
    "moving": ("●", "$text-primary"),
    "landed": ("⚑", "$text-success"),
    "set aside": ("✗", "$text-error"),
    "interrupted": ("■", "$text-warning"),
}


def _item(landing: Landing, entry: Entry) -> Item:
    glyph, style = _LOOKS.get(str(entry.stage), ("?", ""))
    work = _work(entry) if entry.new else ""
    when = f"{short_duration(max(0.0, time.time() - landing.at))} ago"
    return Item(
        _key(landing, entry),
        (
            (f"{glyph} {entry.stage}", style),
            (entry.agent, "bold"),
            (entry.base, ""),
            (entry.reason or work, style if entry.reason else ""),
            (when, "$foreground 60%"),
        ),
    )


def _work(entry: Entry) -> str:
    commits = f"{entry.commits} commit{'' if entry.commits == 1 else 's'}"
    return f"{commits}, {entry.files} file{'' if entry.files == 1 else 's'}"


def _about(landing: Landing, entry: Entry, gate: Sequence[str]) -> Content:
    began = time.strftime("%H:%M:%S", time.localtime(landing.at))
    took = f", took {short_duration(landing.ended - landing.at)}" if landing.ended else ", still under way"
    commands = "; ".join(landing.gate) if landing.gate else "none"
    said: list[Piece | str] = [
        (f"{entry.agent} on {entry.base or '…'}: {entry.stage}", "bold"),
        (f"by {landing.method}, started {began}{took}; gate: {commands}", "$foreground 60%"),
    ]
    if entry.new:
        said.append(f"{entry.old[:10]} → {entry.new[:10]}: {_work(entry)}")
    if entry.reason:
        said += ["", (f"Why: {entry.reason}.", "$text-error")]
    said += [f"  {line}" for line in entry.detail.splitlines()]
    said += [f"  {conflict.where}: {conflict.text}" for conflict in entry.conflicts]
    if entry.hint:
        said.append((f"→ {entry.hint}", "$text-accent"))
    if gate:
        said += ["", ("Gate output", "bold"), *(clean(line) for line in gate if not line.startswith(NOTE))]
    return lines(*said)
