"""Open the deck for a verb."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from agentdeck.cli.output import YELLOW, Output, at_terminal, inside_agent
from agentdeck.core.text.text import listed, plain
from agentdeck.errors import ConfigError, DeckError, ExitCode

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views import AgentView


def open_deck(out: Output, *, looks: bool = False) -> Deck:
    """The deck around the current folder, after what a crash left behind was repaired or told.

    A verb that only `looks`, or that needs nothing of the repository's configuration, works where that is not approved,
    and says so; any other asks the person at the terminal, or raises UntrustedError with nothing changed.
    """
    from agentdeck.engine.deck import Deck

    deck = Deck.find()
    deck.check()
    if looks:
        tell_waiting(deck, out)
    else:
        require_trust(deck, out)
    try:
        deck.repair(out.tell)
    except DeckError as error:
        out.complain(f"agentdeck: not everything could be repaired: {plain(error.title)}", YELLOW)
    deck.fleet.refresh(out.tell)
    return deck


def tell_waiting(deck: Deck, out: Output) -> None:
    """Say in one line what of the configuration waits for approval. One that can't be read is told by who needs it."""
    with suppress(ConfigError):
        if keys := [change.key for change in deck.trust.standing().changes]:
            text = f"Not approved, so not used: {listed(keys, 3)}. To approve: {deck.trust.command}"
            out.narrate(plain(text), YELLOW)


def require_trust(deck: Deck, out: Output) -> None:
    """See that the configuration may be used: ask the person at the terminal; raise UntrustedError without one."""
    from agentdeck.errors import UntrustedError

    try:
        deck.trust.check()
    except UntrustedError:
        if not at_terminal(out) or inside_agent():
            raise
        from agentdeck.cli.trust import agreed

        if not agreed(deck, out):
            raise


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
