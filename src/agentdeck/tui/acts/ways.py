"""The ways out of a conflict with a base branch: its agent resolves it, or a person does. Each asks first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import App, SuspendNotSupported
from textual.screen import Screen

from agentdeck.engine.views.landings import LandRequest
from agentdeck.errors import DeckError
from agentdeck.tui.dialogs.dialogs import Confirm
from agentdeck.tui.look.terminal import lend

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck

Land = Callable[[LandRequest], None]


def ask_hand_back(screen: Screen[Any], name: str, base: str, places: str, land: Land) -> None:
    """Let the agent merge its base and resolve the conflicts, and land it when it has."""
    loss = (
        f"It is asked to merge {base} into its work and to resolve {places}. What it has not committed is committed "
        "first. Then it lands through the gate; undo takes that back."
    )
    request = LandRequest((name,), commit="", hand_back=True)
    _confirm(screen, f"Let {name} resolve its conflict?", loss, "Ask it", request, land)


def ask_by_hand(screen: Screen[Any], deck: Deck, name: str, base: str, land: Land) -> None:
    """Open a shell in a worktree in which the merge is begun, and land what a person makes of it."""
    loss = (
        f"A shell opens in a worktree of its own, with the merge of {name} into {base} begun. What {name} has not "
        "committed is committed first. Edit and “git add” the files, then type “exit”: the result lands through the "
        "gate. To give up, type “exit” at once: nothing is changed."
    )
    request = LandRequest((name,), commit="", resolve=partial(show_window, screen.app, deck))
    _confirm(screen, f"Resolve the conflict of {name} by hand?", loss, "Open it", request, land)


def _confirm(screen: Screen[Any], question: str, loss: str, yes: str, request: LandRequest, land: Land) -> None:
    def answer(agreed: bool | None) -> None:
        if agreed:
            land(request)

    screen.app.push_screen(Confirm(question, loss, yes=yes, no="Leave it"), answer)


def show_window(app: App[None], deck: Deck, name: str) -> None:
    """Show an agent's window to the person until they leave it; called in the thread that lands."""
    argv = deck.attach_argv(name)
    try:
        app.call_from_thread(lend, app, argv)
    except SuspendNotSupported as error:
        raise DeckError("There is no terminal here for another program.", hint=f"agentdeck attach {name}") from error
