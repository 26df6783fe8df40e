"""The inbox: every question that waits, over all agents, answered one after the other by number."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList

from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.question import Asks, Question
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import cut, plain
from agentdeck.engine.deck import Deck
from agentdeck.errors import DeckError
from agentdeck.tui.acts.actions import Actions, Note
from agentdeck.tui.acts.verbs import AgentVerbs
from agentdeck.tui.dialogs.dialogs import Ask
from agentdeck.tui.feed.snapshot import FeedSnapshot, Row
from agentdeck.tui.keys.keys import BY_ID, NEXT, OPTIONS, bound
from agentdeck.tui.list.asks import clickable
from agentdeck.tui.list.header import KeyHint, Piece
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

if TYPE_CHECKING:
    from agentdeck.engine.views import AgentView

_OPTION = re.compile(r"^[\W_]*1[.):]?\s+")
"""What a CLI draws before the first option: a frame, a pointer, the number."""
_SCREEN_LINES = 16
"""Lines of an agent's screen that are shown where nothing else says what the question is about."""
_SCREEN_LEAST = 3
_ABOUT_LINES = 200
_UNREAD = 0.3
"""Seconds in which nobody has read a question: a key that was pressed twice does not answer it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One agent's first question, as a person sees it."""

    row: Row
    question: Question
    screen: tuple[str, ...] = ()
    """The last lines of its terminal, where the question does not say what it is about."""

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def view(self) -> AgentView:
        return self.row.view


class InboxScreen(Listing, AgentVerbs):
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound([*OPTIONS, NEXT, *(BY_ID[name] for name in ("agent.type", "agent.yes", "agent.no"))]),
    ]
    heading = "Inbox"
    empty = "No agent asks anything."
    columns = (ListingColumn("AGENT", 10), ListingColumn("ASKS", 20), ListingColumn("FOR", 4))
    every = 1.0

    def __init__(self, deck: Deck, actions: Actions, newest: Callable[[], FeedSnapshot]) -> None:
        """`newest` tells how the deck stands now."""
        super().__init__(deck, actions)
        self._newest = newest
        self._answered: dict[str, Question] = {}
        """What was answered from here, by agent, until the agent is seen to have taken it."""
        self._ticked: dict[str, frozenset[int]] = {}
        """The options that are chosen so far of a question that takes several, by agent."""
        self._shown: tuple[str, Question, float] | None = None
        """The question on the screen, and since when."""

    # What waits

    def find(self) -> list[Asked]:
        waiting = [(row, question) for row in self._newest().rows if (question := question_of(row)) is not None]
        found = sorted(waiting, key=lambda pair: pair[1].at or pair[0].view.since)
        return [Asked(row, question, self._screen(row, question)) for row, question in found]

    def _screen(self, row: Row, question: Question) -> tuple[str, ...]:
        if question.subject or question.detail:
            return ()
        with suppress(DeckError):
            shown = [line.rstrip() for line in self.deck.screen(row.name).splitlines()]
            return tuple(without_options(shown, question)[-_SCREEN_LINES:])
        return ()

    def _open(self) -> list[Asked]:
        """Those that were not answered from here yet."""
        asked: list[Asked] = self.facts or []
        return [each for each in asked if not self._is_answered(each)]

    def _is_answered(self, asked: Asked) -> bool:
        answered = self._answered.get(asked.name)
        return answered is not None and answered.is_same_as(asked.question)

    def _asked(self) -> Asked | None:
        return next((each for each in self._open() if each.name == self.selected), None)

    def selected_row(self) -> Row | None:
        asked = self._asked()
        return asked.row if asked is not None else None

    def marked_rows(self) -> Sequence[Row]:
        return ()

    # What is shown

    def summary(self, facts: Any) -> str:
        count = sum(len(each.view.status.questions) for each in self._open())
        agents = len(self._open())
        if not count:
            return "no questions"
        return f"{count} question{'' if count == 1 else 's'} from {agents} agent{'' if agents == 1 else 's'}"

    def items(self, facts: Any) -> Sequence[Item]:
        now = time.time()
        return [
            Item(
                each.name,
                (
                    (each.name, "bold"),
                    (each.question.text, "$text-warning"),
                    (short_duration(max(0.0, now - (each.question.at or each.view.since))), "$foreground 60%"),
                ),
            )
            for each in self._open()
        ]

    def about(self, facts: Any, key: str) -> Content:
        asked = self._asked()
        if asked is None:
            return Content()
        if self._shown is None or self._shown[0] != asked.name or not self._shown[1].is_same_as(asked.question):
            self._shown = asked.name, asked.question, time.monotonic()
        room = self.query_one("#about", VerticalScroll).scrollable_content_region
        shown = fitted(asked, room.width - 4, room.height)
        return lines(*said_of(shown, self._ticked.get(asked.name, frozenset())))

    def hints(self) -> Sequence[KeyHint]:
        asked = self._asked()
        if asked is None:
            return ()
        keymap = self.app._keymap
        count, hints = len(asked.question.options), list[KeyHint]()
        if count:
            hints.append(KeyHint("1" if count == 1 else f"1-{count}", "choose", "choose(1)"))
        if asked.question.multiple:
            hints.append(KeyHint("⏎", "send the choice", "enter"))
        hints += [hint_of(f"agent.{word}", keymap) for word in asked.question.words]
        if asked.question.kind is Asks.TEXT or asked.question.hook:
            hints.append(KeyHint(hint_of("agent.type", keymap).key, "in your words", "type"))
        if not asked.question.multiple:
            hints.append(KeyHint("⏎", "attach", "attach"))
        return hints

    # Answering

    def action_choose(self, number: int) -> None:
        asked = self._asked()
        if asked is None:
            return
        if not 0 < number <= len(asked.question.options):
            self.tell(f"{asked.name} has no option {number}.", warn=True)
        elif asked.question.multiple:
            self._ticked[asked.name] = self._ticked.get(asked.name, frozenset()) ^ {number}
            self._say()
        else:
            self._answer(asked, str(number))

    def action_answer(self, choice: str) -> None:
        asked = self._asked()
        if asked is not None:
            self._answer(asked, choice)

    def action_type(self) -> None:
        asked = self._asked()
        if asked is None:
            return

        def answer(text: str | None) -> None:
            if text:
                self._answer(asked, text=text)

        self.app.push_screen(Ask(f"Answer {asked.name}", hint="your own words; Enter sends them"), answer)

    def action_next_needy(self) -> None:
        self.action_move(1)

    @on(OptionList.OptionSelected)
    def action_enter(self) -> None:
        """Send the chosen options, or be at the agent's own keys."""
        asked = self._asked()
        if asked is None:
            return
        if not asked.question.multiple:
            self.action_attach()
        elif ticked := self._ticked.get(asked.name):
            self._answer(asked, ",".join(map(str, sorted(ticked))))
        else:
            self.tell("Nothing is chosen yet; the numbers choose.", warn=True)

    def _answer(self, asked: Asked, choice: str = "", text: str = "") -> None:
        """Answer what the person has seen, and go on to the next question at once."""
        if self._shown is None or time.monotonic() - self._shown[2] < _UNREAD:
            return

        def work(note: Note) -> str:
            try:
                said = self.deck.answer(asked.name, choice, text, asked.question)
            except BaseException:
                self._answered.pop(asked.name, None)
                raise
            return f"Answered {asked.name}: {plain(said)}."

        self._answered[asked.name] = asked.question
        self._ticked.pop(asked.name, None)
        self.actions.do(f"answering {asked.name}", work, asked.name)
        self._show()


def question_of(row: Row) -> Question | None:
    """What the agent asks now; None where it does not wait for a person."""
    return row.view.status.question if row.view.alive and not row.view.status.is_idle else None


def without_options(screen: Sequence[str], question: Question) -> list[str]:
    """The lines of a screen above the options of its question, which are said in full below the excerpt."""
    first = question.options[0].label if question.options else ""
    at = [number for number, line in enumerate(screen) if first and _OPTION.sub("", line).startswith(first)]
    shown = list(screen[: at[-1]] if at else screen)
    while shown and not shown[-1].strip():
        shown.pop()
    return shown


def fitted(asked: Asked, width: int, height: int) -> Asked:
    """With as much of the agent's screen as leaves the options in sight: it may be wider and higher than the room."""
    bare = replace(asked, screen=())
    kept = max(_SCREEN_LEAST, height - len(said_of(bare, frozenset())))
    return replace(asked, screen=tuple(cut(line, width - 2) for line in asked.screen[-kept:]))


def said_of(asked: Asked, ticked: frozenset[int]) -> list[Piece | str]:
    """The question, the command or the change that it is about, and its options."""
    question, view = asked.question, asked.view
    more = len(view.status.questions) - 1
    also = f" · {more} more after this one" if more > 0 else ""
    said: list[Piece | str] = [
        (asked.name, "bold"),
        (f"{view.profile}{also}", "$foreground 60%"),
        (view.agent.task.strip().partition("\n")[0], "$foreground 60%"),
        "",
        (f"◆ {question.head}", "$text-warning bold"),
    ]
    about: list[Piece | str] = [f"  {line}" for line in question.subject.splitlines()]
    about += [(f"  {line}", _of_change(line)) for line in question.detail.splitlines()]
    about = about or [(f"  {line}", "$foreground 70%") for line in asked.screen]
    said += about[:_ABOUT_LINES]
    if len(about) > _ABOUT_LINES:
        said.append((f"  … {len(about) - _ABOUT_LINES} more lines", "$foreground 60%"))
    if question.options:
        said.append("")
    for number, option in enumerate(question.options, 1):
        box = f"[{'x' if number in ticked else ' '}] " if question.multiple else ""
        text = f"  {number} {box}{option.label}{f'  {option.description}' if option.description else ''}"
        said += clickable(f"choose({number})", [(text, "")])
    return said


def _of_change(line: str) -> str:
    return {"+": "$text-success", "-": "$text-error"}.get(line[:1], "")
