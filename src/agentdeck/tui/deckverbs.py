"""What the keys do to the whole deck: land, take back, clear away, and the screens that show these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from textual.screen import Screen

from agentdeck.core.agent import State
from agentdeck.core.text import plain, size_text
from agentdeck.tui.actions import Actions, Note, Untrusted
from agentdeck.tui.dialogs import Confirm
from agentdeck.tui.taking_back import latest, what_happens
from agentdeck.tui.verbs import AgentVerbs

if TYPE_CHECKING:
    from agentdeck.core.events import Event
    from agentdeck.core.radar import Report
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.landings import Landing, LandRequest
    from agentdeck.engine.stale import Stale
    from agentdeck.engine.steps import Step

_NAMED = 4
"""Sentences of what an undo does that its question has room for."""


class DeckVerbs(AgentVerbs):
    """The verbs of the main screen that are not about one agent alone."""

    # Landing

    def action_land(self) -> None:
        from agentdeck.tui.landdialog import LandDialog

        names = [row.name for row in self.marked_rows()]
        if not names:
            row = self._row()
            names = [row.name] if row else []
        if not names:
            return

        def answer(request: LandRequest | None) -> None:
            if request is not None:
                land(self.deck, self.actions, request)
                self.action_queue()

        self.app.push_screen(LandDialog(self.deck, names), answer)

    def action_queue(self) -> None:
        from agentdeck.tui.screens.queue import QueueScreen

        self.app.push_screen(QueueScreen(self.deck, self.actions))

    def action_trust(self) -> None:
        self.app.post_message(Untrusted())

    def action_radar(self) -> None:
        from agentdeck.tui.screens.radar import RadarScreen

        self.app.push_screen(RadarScreen(self.deck, self.actions, self.newest_radar))

    def newest_radar(self) -> Report | None:
        """What the radar said last; None while it has not looked."""
        raise NotImplementedError

    # Taking back and clearing away

    def action_undo(self) -> None:
        def work(note: Note) -> str:
            step = latest(self.deck.steps())
            if step is None:
                return "There is nothing to undo: nothing was removed, landed or pruned."
            self.app.call_later(ask_and_undo, self, self.deck, self.actions, step)
            return ""

        self.actions.do("looking for what can be undone", work)

    def action_trash(self) -> None:
        from agentdeck.tui.screens.trash import TrashScreen

        self.app.push_screen(TrashScreen(self.deck, self.actions))

    def action_prune(self) -> None:
        from agentdeck.tui.screens.prune import PruneScreen

        self.app.push_screen(PruneScreen(self.deck, self.actions))

    def action_cancel(self) -> None:
        """Cancel the start of the selected agent, or what was begun last."""
        row = self.selected_row()
        if (row is not None and self.actions.cancel(row.name)) or self.actions.cancel():
            return
        if row is not None and row.state is State.STARTING and row.view.alive:
            self.tell(f"{row.name} is at its set-up hooks; s stops it, x removes it.", warn=True)
        else:
            self.tell("Nothing is being done that could be cancelled.", warn=True)


def land(deck: Deck, actions: Actions, request: LandRequest) -> None:
    """Land them in a thread; the queue's screen shows how it goes."""

    def work(note: Note, cancelled: Callable[[], bool]) -> str:
        from dataclasses import replace

        return _outcome(deck.land(replace(request, cancelled=cancelled), note))

    actions.do_long(f"landing {plain(', '.join(request.names))}", work)


def _outcome(landing: Landing) -> str:
    landed = [entry for entry in landing.entries if str(entry.stage) == State.LANDED]
    aside = [f"{entry.agent} was not landed: {entry.reason}." for entry in landing.entries if entry not in landed]
    where = ", ".join(dict.fromkeys(entry.base for entry in landed))
    done = [f"{', '.join(entry.agent for entry in landed)} landed on {where}; u takes it back."] if landed else []
    return " ".join([*done, *aside])


def ask_and_undo(screen: Screen[None], deck: Deck, actions: Actions, step: Step) -> None:
    """Ask whether to take `step` back, saying what that does, and do it."""
    sentences = what_happens(step)
    more = [f"And {len(sentences) - _NAMED} things more."] if len(sentences) > _NAMED else []
    loss = " ".join([*sentences[:_NAMED], *more, "That can be undone too."])

    def work(note: Note) -> str:
        return f"{deck.undo(step.number, note).text[:1].upper()}{deck.steps()[-1].text[1:]}."

    def answer(agreed: bool | None) -> None:
        if agreed:
            actions.do(f"undoing step {step.number}", work)

    question = f"Undo step {step.number}: {step.text}?"
    screen.app.push_screen(Confirm(question, loss, yes="Undo it", no="Leave it"), answer)


def ask_and_prune(screen: Screen[None], deck: Deck, actions: Actions, chosen: Sequence[Stale]) -> None:
    """Ask whether to clear `chosen` away, saying what can't be brought back, and do it."""
    things = f"{len(chosen)} thing{'' if len(chosen) == 1 else 's'}"
    for_good = sum(not stale.can_be_undone for stale in chosen)
    room = sum(stale.room for stale in chosen)
    freed = f" {size_text(room)} come free." if room else ""
    if for_good:
        loss = f"Undo brings back {len(chosen) - for_good}; {for_good} go for good, nothing of yours is in them.{freed}"
    else:
        loss = f"Undo brings all of it back.{freed}"

    def work(note: Note, cancelled: Callable[[], bool]) -> str:
        def one_by_one() -> Iterator[Stale]:
            for number, stale in enumerate(chosen, 1):
                if cancelled():
                    return
                note(_progress(number, len(chosen), stale))
                yield stale

        step, failed = deck.prune(one_by_one(), note)
        said = "Pruned." if step is None else f"{step.text[:1].upper()}{step.text[1:]}; u brings it back."
        return f"{said} Not pruned: {', '.join(stale.what for stale in failed)}." if failed else said

    def answer(agreed: bool | None) -> None:
        if agreed:
            actions.do_long("pruning", work)

    question = f"Clear {things} away?"
    screen.app.push_screen(Confirm(question, loss, yes="Clear away", no="Keep all"), answer)


def _progress(number: int, count: int, stale: Stale) -> Event:
    from agentdeck.core.events import Event

    return Event("pruning", stale.what, f"{number} of {count}: {stale.kind} {stale.what}")
