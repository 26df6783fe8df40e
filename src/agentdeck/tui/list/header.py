"""The lines around the list: what stands at the top of the screen, which keys work now, what is being done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.questions import Question
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import columns as columns_of
from agentdeck.core.text.text import cut, plain
from agentdeck.tui.feed.snapshot import FeedSnapshot, GatewayFacts
from agentdeck.tui.keys.keymap import with_keys
from agentdeck.tui.list.order import URGENCY

COLOURS = {
    State.STARTING: "$foreground 60%",
    State.WORKING: "$text-primary",
    State.WAITING: "$text-warning bold",
    State.LIMITED: "$text-accent",
    State.DONE: "$text-success",
    State.FAILED: "$text-error bold",
    State.STOPPED: "$foreground 60%",
    State.LANDED: "$text-secondary",
}
Piece = tuple[str, str]
"""A text and its style as Textual reads it."""


class DeckHeader(Widget):
    """Repository, base branch, how many agents stand how, providers, spend, and the machine's load, on one line."""

    snapshot: reactive[FeedSnapshot] = reactive(FeedSnapshot(), layout=False)

    def __init__(self, repository: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._repository = plain(repository)

    def render(self) -> Content:
        return line_of(*header_pieces(self._repository, self.snapshot, self.size.width))


def header_pieces(repository: str, shot: FeedSnapshot, width: int) -> tuple[list[Piece], list[Piece], int]:
    """The left and the right part for a line of `width`; what matters least goes first where the room is short."""
    load = shot.machine.load
    busy = load > shot.machine.processors
    machine = [(f"load {load:.1f} of {shot.machine.processors} ", "$text-warning" if busy else "$foreground 60%")]
    trouble, spend = _providers(shot.gateway), _spend(shot.gateway)
    right = [*trouble, *spend, *machine]
    title: list[Piece] = [(f" {cut(repository, max(8, width // 4))}", "bold")]
    base: list[Piece] = [(f" on {cut(plain(shot.base), max(6, width // 6))}", "$foreground 60%")] if shot.base else []
    worded, bare = _counts(shot, words=True), _counts(shot, words=False)
    for left, end in (
        ([*title, *base, *worded], right),
        ([*title, *worded], right),
        ([*title, *worded], [*trouble, *machine]),
        ([*title, *worded], trouble),
        ([*title, *worded], []),
        ([*title, *bare], [*trouble, *machine]),
        ([*title, *bare], machine),
    ):
        if _width(left) + _width(end) + 1 <= width:
            return left, end, width
    return [*title, *bare], [], width


def _providers(gateway: GatewayFacts) -> list[Piece]:
    """Those that are left alone by name, the others by number."""
    well = sum(each.state == "closed" for each in gateway.providers)
    pieces: list[Piece] = []
    for each in gateway.providers:
        if each.state != "closed":
            left = short_duration(max(0.0, (each.until or 0.0) - time.time()))
            how = f"paused for {left}" if each.state == "open" else "retrying"
            pieces.append((f"✗ {plain(each.name)} {how}  ", "$text-error"))
    if well:
        pieces.append((f"✓ {well} provider{'' if well == 1 else 's'} well  ", "$text-success"))
    return pieces


def _spend(gateway: GatewayFacts) -> list[Piece]:
    if not gateway.costs:
        return []
    if gateway.budget is None:
        return [(f"${gateway.today:.2f} today  ", "$foreground 60%")]
    near = gateway.today >= 0.8 * gateway.budget
    style = "$text-warning bold" if near else "$foreground 60%"
    return [(f"${gateway.today:.2f} of ${gateway.budget:.2f} today  ", style)]


def _counts(shot: FeedSnapshot, *, words: bool) -> list[Piece]:
    pieces: list[Piece] = []
    for state in URGENCY:
        if count := shot.counts.get(state):
            pieces.append((f"  {state.glyph} {count}{f' {state}' if words else ''}", COLOURS[state]))
    return pieces or [("  no agents", "$foreground 60%")]


def _width(pieces: Sequence[Piece]) -> int:
    return sum(columns_of(text) for text, _ in pieces)


def line_of(left: Sequence[Piece], right: Sequence[Piece], width: int) -> Content:
    """One line with `left` at its left and `right` at its right; the left is cut where both do not fit."""
    gap = max(0, width - _width(left) - _width(right))
    parts = [Content.styled(text, style) for text, style in (*left, (" " * gap, ""), *right)]
    return Content("").join(parts).truncate(width, ellipsis=True)


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key that works now."""

    key: str
    title: str
    action: str


class KeyBar(Widget):
    """The keys that work now, the most useful first; a click on one presses it."""

    hints: reactive[tuple[KeyHint, ...]] = reactive((), layout=False)

    @dataclass
    class Pressed(Message):
        action: str

    def render(self) -> Content:
        parts = []
        for hint in self._fitting():
            parts += [Content.styled(f" {hint.key}", "$text-accent bold"), Content.styled(f" {hint.title} ", "")]
        return Content("").join(parts)

    def _fitting(self) -> list[KeyHint]:
        """The hints for which there is room; the last ones, help and quit, always are among them."""
        if not self.hints:
            return []
        hints, room = self.hints, self.size.width
        tail, kept = hints[-2:], list[KeyHint]()
        room -= sum(_hint_width(hint) for hint in tail)
        for hint in hints[:-2]:
            room -= _hint_width(hint)
            if room < 0:
                break
            kept.append(hint)
        return [*kept, *tail]

    def on_click(self, event: events.Click) -> None:
        at = 0
        for hint in self._fitting():
            at += _hint_width(hint)
            if event.x < at:
                self.post_message(self.Pressed(hint.action))
                return


def _hint_width(hint: KeyHint) -> int:
    return columns_of(hint.key) + columns_of(hint.title) + 3


class ActivityLine(Widget):
    """What is being done now, in the words of its last event; not there while nothing is."""

    text: reactive[str] = reactive("", layout=False)
    hint: reactive[str] = reactive("", layout=False)
    """The key that cancels it, and what it does; “” for what can't be cancelled."""

    def render(self) -> Content:
        hint = [(f" {self.hint} ", "$text-accent bold")] if self.hint else []
        room = max(1, self.size.width - _width(hint))
        return line_of([(cut(f" ⋯ {plain(self.text)}", room), "$text-accent")], hint, self.size.width)

    def watch_text(self, text: str) -> None:
        self.display = bool(text)


class Problems(Widget):
    """What of the deck can't be read, one sentence a line."""

    lines: reactive[tuple[str, ...]] = reactive((), layout=True)

    def render(self) -> Content:
        said = [with_keys(text, self.app._keymap) for text in self.lines]
        shown = [Content.styled(cut(f" ✗ {text}", max(1, self.size.width)), "$text-error") for text in said]
        return Content("\n").join(shown)

    def watch_lines(self, lines: tuple[str, ...]) -> None:
        self.display = bool(lines)


_ASKS_LINES = 4
"""Lines of what a question is about that the bar shows at most."""


class Asks(Widget):
    """What the selected agent asks, what that is about, and the options with their numbers."""

    question: reactive[Question | None] = reactive(None, layout=True)
    more: reactive[int] = reactive(0, layout=True)
    """How many other questions it has after this one."""

    def render(self) -> Content:
        question, width = self.question, max(1, self.size.width)
        if question is None:
            return Content("")
        also = f" ({self.more} more after it)" if self.more > 0 else ""
        lines = [Content.styled(cut(f" ◆ {plain(question.text)}{also}", width), "$text-warning bold")]
        about = [line for part in (question.subject, question.detail) for line in part.splitlines() if line.strip()]
        lines += [Content.styled(cut(f"   {plain(line)}", width), "$foreground 80%") for line in about[:_ASKS_LINES]]
        for number, option in enumerate(question.options, 1):
            lines.append(Content(cut(f"   {number} {plain(option.label)}  {plain(option.description)}", width)))
        return Content("\n").join(lines)

    def watch_question(self, question: Question | None) -> None:
        self.display = question is not None


_NARROW = 72
"""Columns under which only the active tab has its word."""


class TabBar(Widget):
    """The selected agent's name and the tabs of what can be seen of it."""

    agent: reactive[str] = reactive("", layout=False)
    active: reactive[str] = reactive("", layout=False)

    @dataclass
    class Chosen(Message):
        tab: str

    def __init__(self, tabs: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tabs = list(tabs)

    def render(self) -> Content:
        parts = [Content.styled(self._title(), "bold")]
        for number, tab in enumerate(self._tabs, 1):
            style = "$text-accent bold reverse" if tab == self.active else "$foreground 60%"
            parts += [Content.styled(self._label(number, tab), style), Content(" ")]
        return Content("").join(parts).truncate(max(1, self.size.width), ellipsis=True)

    def _title(self) -> str:
        rest = sum(len(self._label(number, tab)) + 1 for number, tab in enumerate(self._tabs, 1))
        return f" {cut(plain(self.agent) or 'no agent', max(6, self.size.width - rest - 3))}  "

    def _label(self, number: int, tab: str) -> str:
        if self.size.width >= 90:
            return f" {number} {tab} "
        is_short = self.size.width < _NARROW and tab != self.active
        return str(number) if is_short else f"{number} {tab}"

    def on_click(self, event: events.Click) -> None:
        at = columns_of(self._title())
        for number, tab in enumerate(self._tabs, 1):
            at += len(self._label(number, tab)) + 1
            if event.x < at and event.x >= columns_of(self._title()):
                self.post_message(self.Chosen(tab))
                return
