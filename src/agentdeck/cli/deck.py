"""Open the deck for a verb."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from agentdeck.cli.output import YELLOW, Output
from agentdeck.core.text import plain
from agentdeck.errors import DeckError, ExitCode

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views import AgentView


def open_deck(out: Output) -> Deck:
    """The deck around the current folder, after what a crash left behind was repaired or told."""
    from agentdeck.engine.deck import Deck

    deck = Deck.find()
    if deck.store.exists:
        deck.store.open()
    try:
        deck.repair(out.tell)
    except DeckError as error:
        out.complain(f"agentdeck: not all could be repaired: {plain(error.title)}", YELLOW)
    return deck


def for_each(
    names: Iterable[str], act: Callable[[str], AgentView], out: Output
) -> tuple[list[AgentView], list[DeckError]]:
    """Do the same with several agents; one that fails is told and does not keep the others from their turn."""
    views, errors = [], []
    for name in dict.fromkeys(names):
        try:
            views.append(act(name))
        except DeckError as error:
            out.error(error)
            errors.append(error)
    return views, errors


def worst(errors: list[DeckError]) -> ExitCode:
    """What to exit with when some of several failed: their code where they agree, else FAILED."""
    codes = {error.exit_code for error in errors}
    if not codes:
        return ExitCode.OK
    return codes.pop() if len(codes) == 1 else ExitCode.FAILED
