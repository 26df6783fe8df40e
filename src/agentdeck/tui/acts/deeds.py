"""Land, take back and clear away: what several screens do, each after its question."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.screen import Screen

from agentdeck.core.agents.agent import State
from agentdeck.core.text.text import plain, size_text
from agentdeck.tui.acts.actions import Actions, Note
from agentdeck.tui.dialogs.dialogs import Choose, Confirm

if TYPE_CHECKING:
    from agentdeck.core.agents.events import Event
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views.history import Stale, Step
    from agentdeck.engine.views.landings import Entry, Landing, LandRequest

_NAMED = 4
"""Sentences of what an undo does that its question has room for."""


def land(deck: Deck, actions: Actions, request: LandRequest) -> None:
    """Land them in a thread; the queue's screen shows how it goes."""

    def work(note: Note, cancelled: Callable[[], bool]) -> str:
        from agentdeck.core.frozen import replace

        return _outcome(deck.land(replace(request, cancelled=cancelled, approved="dashboard"), note))

    actions.do_long(f"landing {plain(', '.join(request.names))}", work)


def _outcome(landing: Landing) -> str:
    landed = [entry for entry in landing.entries if str(entry.stage) == State.LANDED and not entry.has_nothing_new]
    aside = [_aside(entry) for entry in landing.entries if entry not in landed]
    where = ", ".join(dict.fromkeys(entry.base for entry in landed))
    done = (
        [f"{', '.join(entry.agent for entry in landed)} landed on {where}; {{deck.undo}} undoes it."] if landed else []
    )
    return " ".join([*done, *aside])


def _aside(entry: Entry) -> str:
    if entry.has_nothing_new:
        return f"Nothing of {entry.agent} is left to land: {entry.reason}."
    return f"{entry.agent} was not landed: {entry.reason}."


def ask_and_publish(screen: Screen[None], deck: Deck, actions: Actions, names: Sequence[str], base: str) -> None:
    """Ask what is to go to the remote, or to come from it, and do that."""
    shown, what = plain(base) or "the base", "a pull request" if len(names) == 1 else "a pull request for each"
    options = [
        (f"push and open {what}", "propose"),
        ("the same, as a draft", "draft"),
        (f"push {shown} to its remote, as landings left it", "push"),
        (f"pull {shown} from its remote", "pull"),
    ]

    def answer(choice: str | None) -> None:
        if choice == "pull":
            actions.do(f"pulling {shown}", lambda note: deck.landings.pull(base, note))
        elif choice == "push":
            actions.do(f"pushing {shown}", lambda note: deck.landings.push(base, note))
        elif choice is not None:
            for name in names:
                work = partial(_propose, deck, name, draft=choice == "draft")
                actions.do(f"opening a pull request for {name}", work, name)

    text = "A pull request needs gh or glab; AgentDeck says so before it pushes anything."
    screen.app.push_screen(Choose(f"Publish {', '.join(names)}", text, options), answer)


def _propose(deck: Deck, name: str, note: Note, *, draft: bool) -> str:
    from agentdeck.engine.views.landings import LandRequest

    return f"Pull request of {name}: {deck.landings.propose(LandRequest((name,)), draft=draft, note=note)}"


def ask_and_undo(screen: Screen[None], deck: Deck, actions: Actions, step: Step) -> None:
    """Ask whether to take `step` back, saying what that does, and do it."""
    from agentdeck.tui.acts.taking_back import what_happens

    sentences = what_happens(step)
    more = [f"And {len(sentences) - _NAMED} more."] if len(sentences) > _NAMED else []
    loss = " ".join([*sentences[:_NAMED], *more, "That can be undone too."])

    def work(note: Note) -> str:
        said = deck.undo(step.number, note).text
        return f"{said[:1].upper()}{said[1:]}."

    def answer(agreed: bool | None) -> None:
        if agreed:
            actions.do(f"undoing step {step.number}", work)

    question = f"Undo step {step.number}: {step.text}?"
    screen.app.push_screen(Confirm(question, loss, yes="Undo it", no="Leave it"), answer)


def ask_and_prune(screen: Screen[None], deck: Deck, actions: Actions, chosen: Sequence[Stale]) -> None:
    """Ask whether to clear `chosen` away, saying what can't be brought back, and do it."""
    things = f"{len(chosen)} item{'' if len(chosen) == 1 else 's'}"
    for_good = sum(not stale.can_be_undone for stale in chosen)
    room = sum(stale.room for stale in chosen)
    freed = f" {size_text(room)} will be freed." if room else ""
    if for_good:
        kept = len(chosen) - for_good
        loss = f"Undo restores {kept}; {for_good} are deleted for good and contain none of your work.{freed}"
    else:
        loss = f"Undo restores all of it.{freed}"

    def work(note: Note, cancelled: Callable[[], bool]) -> str:
        def one_by_one() -> Iterator[Stale]:
            for number, stale in enumerate(chosen, 1):
                if cancelled():
                    return
                note(_progress(number, len(chosen), stale))
                yield stale

        step, failed = deck.history.prune(one_by_one(), note)
        said = "Pruned." if step is None else f"{step.text[:1].upper()}{step.text[1:]}; {{deck.undo}} undoes it."
        return f"{said} Not pruned: {', '.join(stale.what for stale in failed)}." if failed else said

    def answer(agreed: bool | None) -> None:
        if agreed:
            actions.do_long("pruning", work)

    question = f"Delete {things}?"
    screen.app.push_screen(Confirm(question, loss, yes="Delete", no="Keep all"), answer)


def _progress(number: int, count: int, stale: Stale) -> Event:
    from agentdeck.core.agents.events import Event, EventKind

    return Event(EventKind.PRUNING, stale.what, f"{number} of {count}: {stale.kind} {stale.what}")
