"""What the selected agent asks, below its screen: the question, what it is about, the options with their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from agentdeck.core.question import Question
from agentdeck.core.text.text import columns as columns_of
from agentdeck.core.text.text import cut, plain
from agentdeck.tui.keys.keymap import first_key
from agentdeck.tui.keys.keys import BY_ID
from agentdeck.tui.list.frame import MIDDLE, FrameLine, Piece, width_of

_ABOUT_LINES = 4
"""Lines of what a question is about that are shown at most."""
_LOW = 30
"""Rows of the terminal under which only one of them is."""


class AsksLine(FrameLine):
    """The line over the question."""

    def __init__(self) -> None:
        super().__init__(MIDDLE)

    def pieces(self, room: int) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
        return [("asks", "$text-warning bold")], (), ()


class Asks(Widget):
    auto_links = False
    """What can be clicked is no link of another colour: the keys before the words tell."""
    question: reactive[Question | None] = reactive(None, layout=True)
    more: reactive[int] = reactive(0, layout=True)
    """How many other questions the agent has after this one."""
    others: reactive[bool] = reactive(False, layout=True)
    """Whether another agent needs a person too."""

    def render(self) -> Content:
        question, width = self.question, max(1, self.content_size.width)
        if question is None:
            return Content("")
        shown = [
            [(line, "$foreground 80%")]
            for line in said_about(question, width, _ABOUT_LINES if self.app.size.height >= _LOW else 1)
        ]
        if shown:
            lines = [*flowed([self._asked(question)], width), *shown, *flowed(self._options(question), width)]
        else:
            lines = flowed([self._asked(question), *self._options(question)], width)
        return Content("\n").join(
            Content("").join([Content.styled(text, style) for text, style in line]) for line in lines
        )

    def _asked(self, question: Question) -> list[Piece]:
        also = f" ({self.more} more after it)" if self.more > 0 else ""
        return [(f" {plain(question.head)}{also}", "$text-warning bold")]

    def _options(self, question: Question) -> list[list[Piece]]:
        found: list[list[Piece]] = []
        for number, option in enumerate(question.options, 1):
            more = f" {plain(option.description)}" if option.description else ""
            pieces = [(f" {number}", "$text-accent bold"), (f" {plain(option.label)}", ""), (more, "$foreground 65%")]
            found.append(clickable(f"choose({number})", pieces))
        found += [self._key(f"agent.{word}", word) for word in question.words]
        if question.hook or not question.options:
            found.append(self._key("agent.type", "other" if question.options else "type"))
        return [*found, self._key("deck.next", "next")] if self.others else found

    def _key(self, name: str, word: str) -> list[Piece]:
        key = first_key(BY_ID[name], self.app._keymap)
        return clickable(BY_ID[name].action, [(f" {key}", "$text-accent bold"), (f" {word}", "$foreground 65%")])

    def watch_question(self, question: Question | None) -> None:
        parent = self.parent
        if isinstance(parent, Widget):
            parent.display = question is not None


def said_about(question: Question, width: int, most: int) -> list[str]:
    """What the question is about, in at most so many lines.

    What was read off a screen was broken where that screen ended: it is one paragraph again.
    """
    if question.tool or question.hook:
        return [cut(f"   {plain(line)}", width) for line in question.about[:most]]
    whole = plain(" ".join(map(str.strip, question.about)))
    rows = [row.plain.strip() for row in Content(whole).wrap(max(1, width - 3))] if whole else []
    shown = [*rows[: most - 1], " ".join(rows[most - 1 :])] if rows else []
    return [cut(f"   {row}", width) for row in shown if row]


def clickable(action: str, pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces, with which a click does what the key does that the screen has for `action`."""
    return [(text, f"{style} @click=screen.{action}".strip()) for text, style in pieces]


def flowed(groups: Sequence[Sequence[Piece]], width: int) -> list[list[Piece]]:
    """The groups one after the other in as few lines as they fit; one that is wider than a line is cut."""
    lines: list[list[Piece]] = [[]]
    for group in groups:
        if lines[-1] and width_of(lines[-1]) + 1 + width_of(group) > width:
            lines.append([])
        elif lines[-1]:
            lines[-1].append((" ", ""))
        lines[-1] += _cut_to(group, width)
    return lines


def _cut_to(group: Sequence[Piece], width: int) -> list[Piece]:
    found, room = list[Piece](), width
    for text, style in group:
        shown = cut(text, room) if room > 0 else ""
        room -= columns_of(shown)
        found.append((shown, style))
    return found
