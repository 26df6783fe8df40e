"""The agents of all of this user's repositories, grouped; the head says which repository a key acts on."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList

from agentdeck.core.frozen import dataclass, field
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain
from agentdeck.engine.deck import Deck
from agentdeck.errors import DeckError
from agentdeck.tui.acts.actions import Actions, Failed, Note
from agentdeck.tui.acts.deeds import land
from agentdeck.tui.acts.verbs import what_is_lost
from agentdeck.tui.dialogs.dialogs import Ask, Confirm
from agentdeck.tui.feed.snapshot import Row
from agentdeck.tui.keys.keys import AGENTS, ANSWERS, BY_ID, DECK, KEYS, LOOK, OPEN, OPTIONS, TABS, VIEWS, bound
from agentdeck.tui.list.header import COLOURS, KeyHint
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.list.order import Grouping, Order, arrange
from agentdeck.tui.look.terminal import lend
from agentdeck.tui.screens.inbox import Asked, question_of, said_of
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

if TYPE_CHECKING:
    from agentdeck.core.question import Question
    from agentdeck.engine.views.landings import LandRequest

_HERE = (
    *(f"agent.{name}" for name in ("type", "stop", "resume", "land", "remove", "yes", "no")),
    "deck.next",
    "tab.diff",
    "look.pane",
)
_LISTED = ("deck.cancel", "look.select", "look.copy", "view.decks", *_HERE)
_ELSEWHERE = [
    key
    for group in (AGENTS, ANSWERS, DECK, VIEWS, LOOK, TABS)
    for key in KEYS[group]
    if key not in (OPEN, *OPTIONS) and key.id not in _LISTED
]
"""What works in one repository only."""


@dataclass(frozen=True, slots=True)
class There:
    """One agent of one repository."""

    root: str
    row: Row
    deck: Deck = field(compare=False)

    @property
    def key(self) -> str:
        return f"{self.root}\0{self.row.name}"

    @property
    def question(self) -> Question | None:
        return question_of(self.row)


class DecksScreen(Listing):
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound([OPEN, *OPTIONS, *(BY_ID[name] for name in _HERE)]),
        *(Binding(key.keys, f"elsewhere('{key.id}')", key.help, show=False, id=key.id) for key in _ELSEWHERE),
    ]
    heading = "All repositories"
    empty = "You have no agents in any repository."
    columns = (
        ListingColumn("REPOSITORY", 8),
        ListingColumn("AGENT", 10),
        ListingColumn("STATE", 9),
        ListingColumn("", 16),
        ListingColumn("FOR", 4),
    )
    every = 1.0

    def __init__(self, deck: Deck, actions: Actions) -> None:
        super().__init__(deck, actions)
        self._decks: dict[str, Deck] = {}
        self.place = ""

    def find(self) -> list[There]:
        for deck in [self.deck, *Deck.everywhere()] if not self._decks else []:
            self._decks.setdefault(str(deck.root), deck)
        found = list[There]()
        for root, deck in self._decks.items():
            with suppress(DeckError, OSError):  # of one that is gone or damaged, nothing is told here
                rows = tuple(Row(view) for view in deck.agents())
                ordered = arrange(rows, Order.URGENCY, Grouping.NONE, "")
                found += [There(root, row, deck) for row in ordered if isinstance(row, Row)]
        return found

    # What is shown

    def summary(self, facts: Any) -> str:
        chosen = self._chosen()
        count = len({each.root for each in facts})
        where = f" · keys act on {chosen.row.name} in {chosen.deck.root.name}" if chosen and count > 1 else ""
        return f"{len(facts)} agents in {count} repositor{'y' if count == 1 else 'ies'}{where}"

    def items(self, facts: Any) -> Sequence[Item]:
        return [self._item(each, is_first=at == 0 or facts[at - 1].root != each.root) for at, each in enumerate(facts)]

    def _item(self, there: There, *, is_first: bool) -> Item:
        row = there.row
        said = there.question.text if there.question is not None else row.reason
        age = short_duration(max(0.0, time.time() - row.view.since))
        return Item(
            there.key,
            (
                (there.deck.root.name if is_first else "", "bold $text-accent"),
                (row.name, "bold"),
                (f"{row.state.glyph} {row.state}", COLOURS[row.state]),
                (said, "$foreground 80%"),
                (age, "$foreground 60%"),
            ),
        )

    def about(self, facts: Any, key: str) -> Content:
        there = self._chosen()
        if there is None:
            return Content()
        row = there.row
        if there.question is not None:
            return lines((str(there.deck.root), "$foreground 60%"), *said_of(Asked(row, there.question), frozenset()))
        task = row.view.agent.task.strip().splitlines()
        return lines((str(there.deck.root), "$foreground 60%"), (row.name, "bold"), *task, "", row.reason)

    def _chosen(self) -> There | None:
        return next((each for each in self.facts or () if each.key == self.selected), None)

    def _say(self) -> None:
        super()._say()
        if self.facts is not None:
            self._head(self.summary(self.facts))

    def hints(self) -> Sequence[KeyHint]:
        there, keymap = self._chosen(), self.app._keymap
        if there is None:
            return ()
        names = ["agent.resume", "agent.land", "agent.remove"]
        if there.row.view.alive:
            words = there.question.words if there.question is not None else ()
            names = [*(f"agent.{word}" for word in words), OPEN.id, "agent.type", "agent.stop"]
        return [
            *(hint_of(name, keymap) for name in names[:3]),
            hint_of("look.pane", keymap, "its dashboard"),
            *(hint_of(name, keymap) for name in (*names[3:], "tab.diff")),
        ]

    # Keys. What they do goes to the repository that was selected when they were pressed.

    def _alive(self) -> There | None:
        there = self._chosen()
        if there is not None and not there.row.view.alive:
            self._warn(f"{there.row.name} is not running ({there.row.state}).")
            return None
        return there

    def _warn(self, text: str) -> None:
        self.notify(plain(text), severity="warning", markup=False)

    @on(OptionList.OptionSelected)
    def action_open(self) -> None:
        if (there := self._alive()) is None:
            return
        try:
            lend(self.app, there.deck.attach_argv(there.row.name))
        except DeckError as error:
            self.app.post_message(Failed(error.title, error.detail, error.hint))
        except SuspendNotSupported:
            self._warn("There is no terminal here for another program.")

    def action_elsewhere(self, key: str) -> None:
        """Say where the key works that was pressed."""
        does = BY_ID[key].help.partition(";")[0]
        self.notify(f"“{does}” works in one repository: {{look.pane}} opens its dashboard.", severity="warning")

    def action_focus_pane(self) -> None:
        """Open the dashboard of the selected agent's repository, until it is left."""
        if (there := self._chosen()) is None:
            return
        try:
            lend(self.app, [sys.executable, "-I", "-m", "agentdeck", "-C", str(there.deck.root)])
        except SuspendNotSupported:
            self._warn("There is no terminal here for another program.")

    def action_next_needy(self) -> None:
        found = list(self.facts or ())
        at = next((at for at, each in enumerate(found) if each.key == self.selected), -1)
        needy = [number for number, each in enumerate(found) if each.row.needs_person]
        if not needy:
            self.notify("No agent needs you now.")
            return
        self.query_one(OptionList).highlighted = next((number for number in needy if number > at), needy[0])

    def action_tab(self, tab: str) -> None:
        from agentdeck.tui.screens.changes import ChangesScreen

        if (there := self._chosen()) is not None:
            self.app.push_screen(ChangesScreen(there.deck, self.actions, there.row.view))

    def action_choose(self, number: int) -> None:
        self._answer(str(number))

    def action_answer(self, choice: str) -> None:
        self._answer(choice)

    def _answer(self, choice: str) -> None:
        there = self._alive()
        if there is None:
            return
        if (question := there.question) is None:
            self._warn(f"{there.row.name} is {there.row.state} and asks nothing.")
            return
        name, deck = there.row.name, there.deck
        self.actions.do(
            f"answering {name}", lambda note: f"Answered {name}: {plain(deck.answer(name, choice, seen=question))}."
        )

    def action_type(self) -> None:
        if (there := self._alive()) is None:
            return
        name, deck = there.row.name, there.deck

        def work(text: str) -> str:
            deck.send(name, text)
            return ""

        def send(text: str | None) -> None:
            if text:
                self.actions.do(f"typing to {name}", lambda note: work(text))

        self.app.push_screen(Ask(f"To {name} in {deck.root.name}", hint="a message; Enter sends it"), send)

    def action_resume(self) -> None:
        there = self._chosen()
        if there is None or there.row.view.alive:
            self._warn(f"{there.row.name} is still running." if there is not None else "No agent is selected.")
            return
        name, deck = there.row.name, there.deck

        def resume(text: str | None) -> None:
            if text is not None:
                self.actions.do(f"resuming {name}", lambda note: f"{name} is {deck.resume(name, text, note).state}.")

        ask = Ask(f"Resume {name} in {deck.root.name}", hint="a prompt; empty: it just continues", may_be_empty=True)
        self.app.push_screen(ask, resume)

    def action_land(self) -> None:
        from agentdeck.tui.screens.land import LandDialog

        if (there := self._chosen()) is None:
            return
        deck = there.deck

        def answer(request: LandRequest | None) -> None:
            if request is not None:
                land(deck, self.actions, request)

        self.app.push_screen(LandDialog(deck, [there.row.name]), answer)

    def action_remove(self) -> None:
        if (there := self._chosen()) is None:
            return
        name, deck, stop = there.row.name, there.deck, there.row.view.alive

        def work(note: Note) -> str:
            deck.remove(name, note, stop=stop)
            return f"{name} was removed; its work is in the trash of {deck.root.name}."

        def answer(agreed: bool | None) -> None:
            if agreed:
                self.actions.do(f"removing {name}", work)

        loss = f"It works in {deck.root}. {what_is_lost(there.row)}"
        self.app.push_screen(Confirm(f"Remove {name}?", loss, yes="Remove"), answer)

    def action_stop(self) -> None:
        if (there := self._alive()) is None:
            return
        name, deck = there.row.name, there.deck

        def stop(agreed: bool | None) -> None:
            if agreed:
                self.actions.do(f"stopping {name}", lambda note: f"{name} is {deck.stop(name, note).state}.")

        loss = f"It works in {deck.root}. Its changes stay, and it can be resumed."
        self.app.push_screen(Confirm(f"Stop {name}?", loss, yes="Stop", no="Keep it running"), stop)
