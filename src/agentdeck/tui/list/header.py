"""What stands over the list, which keys work now, and what of the deck can't be read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from agentdeck.core.agents.agent import State
from agentdeck.core.frozen import dataclass
from agentdeck.core.text.durations import clock, short_duration
from agentdeck.core.text.text import columns as columns_of
from agentdeck.core.text.text import cut, plain, short_count
from agentdeck.tui.feed.snapshot import FeedSnapshot, GatewayFacts, Outcome
from agentdeck.tui.keys.keymap import with_keys
from agentdeck.tui.list.frame import TOP, FrameLine, Piece, width_of
from agentdeck.tui.list.order import URGENCY

__all__ = ["COLOURS", "DeckHeader", "KeyBar", "KeyHint", "ListHead", "Piece", "Problems", "header_pieces"]

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

_NAMED = 2
"""Hosts that are named where they do not answer."""
_NEAR = 0.8
"""How much of a limit is used where it is near."""


class DeckHeader(FrameLine):
    """Repository and base branch, what needs a person, and what was spent today."""

    snapshot: reactive[FeedSnapshot] = reactive(FeedSnapshot(), repaint=False)
    _told: Content | None = None
    """What is painted."""

    def __init__(self, repository: str, *, corners: str = "──", id: str | None = None) -> None:
        super().__init__(corners, id=id)
        self._repository = plain(repository)

    def watch_snapshot(self) -> None:
        """Paint only what tells something new: most snapshots differ in the row of an agent alone."""
        if super().render() != self._told:
            self.refresh()

    def render(self) -> Content:
        self._told = super().render()
        return self._told

    def pieces(self, room: int) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
        return header_pieces(self._repository, self.snapshot, room)


class ListHead(DeckHeader):
    """The upper line of the list's frame. It is the header too where the list is as wide as the screen."""

    def __init__(self, repository: str, *, id: str | None = None) -> None:
        super().__init__(repository, corners=TOP, id=id)

    def pieces(self, room: int) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
        if self.screen.has_class("-beside"):
            return [("agents", "bold $foreground")], (), ()
        return super().pieces(room)


def header_pieces(
    repository: str, shot: FeedSnapshot, room: int
) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
    """Left, middle and right in `room` columns; what matters least goes first where it is short."""
    trouble = _joined([_gone_hosts(shot), _providers(shot.gateway)])
    spend, machine = _spend(shot.gateway), _joined([_hosts(shot), _machine(shot)])
    meters, urgent = _meters(shot.gateway, 0.0), _meters(shot.gateway, _NEAR)
    gate = _gate(shot)
    title: list[Piece] = [(cut(repository, max(8, room // 4)), "bold $foreground")]
    base: list[Piece] = [(f" on {cut(plain(shot.base), max(6, room // 6))}", "$foreground 75%")] if shot.base else []
    worded, bare = _counts(shot, words=True), _counts(shot, words=False)
    for left, middle, right in (
        ([*title, *base], worded, [trouble, meters, spend, gate, machine]),
        ([*title, *base], worded, [trouble, meters, spend, machine]),
        *([([*title, *base], worded, [trouble, urgent, spend]), (title, worded, [trouble, urgent])] if urgent else []),
        ([*title, *base], worded, [trouble, spend, gate, machine]),
        ([*title, *base], worded, [trouble, spend, machine]),
        ([*title, *base], worded, [trouble, machine]),
        (title, worded, [trouble, machine]),
        (title, worded, [trouble]),
        (title, bare, [trouble, machine]),
    ):
        said = _joined(right)
        if width_of(left) + width_of(middle) + width_of(said) + 6 <= room:
            return left, middle, said
    return title, bare, ()


def _joined(groups: Sequence[Sequence[Piece]]) -> list[Piece]:
    pieces: list[Piece] = []
    for group in filter(None, groups):
        pieces += [(" · ", "$foreground 50%"), *group] if pieces else list(group)
    return pieces


def _gone_hosts(shot: FeedSnapshot) -> list[Piece]:
    """Those with agents of this repository that do not answer."""
    since = {row.view.host: row.view.unreachable for row in shot.rows if row.view.unreachable}
    if len(since) > _NAMED:
        return [(f"✗ {len(since)} hosts unreachable", "$text-error bold")]
    now = time.time()
    return [
        (f"{'  ' if at else ''}✗ {plain(name)} unreachable {short_duration(max(0.0, now - then))}", "$text-error bold")
        for at, (name, then) in enumerate(sorted(since.items()))
    ]


def _hosts(shot: FeedSnapshot) -> list[Piece]:
    """How many other machines have agents of this repository."""
    count = len({row.view.host for row in shot.rows if row.view.host})
    return [(f"{count} host{'' if count == 1 else 's'}", "$foreground 75%")] if count else []


def _providers(gateway: GatewayFacts) -> list[Piece]:
    """Those that are not asked now, by name: that the others are well is no news."""
    pieces: list[Piece] = []
    for each in gateway.providers:
        if each.state != "closed":
            left = short_duration(max(0.0, (each.until or 0.0) - time.time()))
            how = f"paused for {left}" if each.state == "open" else "retrying"
            pieces.append((f"{' ' if pieces else ''}✗ {plain(each.name)} {how}", "$text-error"))
    return pieces


def _spend(gateway: GatewayFacts) -> list[Piece]:
    if not gateway.costs and not gateway.tokens:
        return []
    tokens = f" · {short_count(gateway.tokens)} tok" if gateway.tokens else ""
    if gateway.budget is None:
        return [(f"${gateway.today:.2f} today{tokens}", "$foreground 75%")]
    near = gateway.today >= 0.8 * gateway.budget
    style = "$text-warning bold" if near else "$foreground 75%"
    return [(f"${gateway.today:.2f} of ${gateway.budget:.2f} today", style), (tokens, "$foreground 75%")]


def _meters(gateway: GatewayFacts, least: float) -> list[Piece]:
    """How much is used of the limit that each account comes to first, where that is at least so much."""
    pieces: list[Piece] = []
    for each in gateway.meters:
        window = max(each.windows, key=lambda window: window.used, default=None)
        if each.until:
            text, style = f"until {clock(each.until, time.time())}", "$text-error"
        elif window is not None and window.used and window.used >= least:
            text, style = (
                f"{window.name} {window.used:.0%}",
                "$text-warning" if window.used >= _NEAR else "$foreground 75%",
            )
        else:
            continue
        pieces.append((f"{'  ' if pieces else ''}{plain(each.name)} {text}", style))
    return pieces


def _gate(shot: FeedSnapshot) -> list[Piece]:
    if shot.gate is None:
        return []
    return [("gate ✓", "$text-success")] if shot.gate else [("gate ✗", "$text-error bold")]


def _machine(shot: FeedSnapshot) -> list[Piece]:
    """Only where there is more to do than the machine can."""
    load, processors = shot.machine.load, shot.machine.processors
    return [(f"load {load:.0f} of {processors}", "$text-warning")] if load > 2 * processors else []


def _counts(shot: FeedSnapshot, *, words: bool) -> list[Piece]:
    pieces: list[Piece] = []
    for glyph, count, word, style in _counted(shot):
        pieces.append((f"{'  ' if pieces else ''}{glyph} {count}{f' {word}' if words else ''}", style))
    return pieces or [("no agents", "$foreground 60%")]


def _counted(shot: FeedSnapshot) -> Iterator[tuple[str, int, str, str]]:
    """Glyph, number, word and style of each kind of agent that there is, the most urgent first."""
    ready = sum(row.outcome in (Outcome.READY, Outcome.LOOSE) for row in shot.rows if row.state is State.DONE)
    for state in URGENCY:
        count = shot.counts.get(state, 0)
        if state is State.WAITING:
            idle = sum(row.view.status.is_idle for row in shot.rows if row.state is state)
            if asking := count - idle:
                yield state.glyph, asking, "needs you" if asking == 1 else "need you", COLOURS[state]
            if idle:
                yield "○", idle, "idle", "$foreground 60%"
        elif state is State.DONE:
            if ready:
                yield state.glyph, ready, "to land", COLOURS[state]
            if count - ready:
                yield "○", count - ready, "done", "$foreground 60%"
        elif count:
            yield state.glyph, count, str(state), COLOURS[state]


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key that works now."""

    key: str
    title: str
    action: str


class KeyBar(Widget):
    """The keys that work now, the most useful first; a click on one presses it."""

    ALLOW_SELECT = False
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


class Problems(Widget):
    """What of the deck can't be read, one sentence a line."""

    lines: reactive[tuple[str, ...]] = reactive((), layout=True)

    def render(self) -> Content:
        said = [with_keys(text, self.app._keymap) for text in self.lines]
        shown = [Content.styled(cut(f" ✗ {text}", max(1, self.size.width)), "$text-error") for text in said]
        return Content("\n").join(shown)

    def watch_lines(self, lines: tuple[str, ...]) -> None:
        self.display = bool(lines)
