"""Answer what a CLI asks at its start, such as whether the folder is trusted."""

from __future__ import annotations

import time
from collections.abc import Callable

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.errors import RefusedError
from tests.support.retry import eventually

_AGAIN = 8.0
"""Seconds after which the same question is answered again: its dialog may have come up before it listened."""


def press_enter_until(
    deck: Deck,
    name: str,
    reached: Callable[[AgentView], bool],
    patience: float,
    about: str = "",
) -> None:
    """Answer every question that has `about` in it with yes, until `reached` holds, for `patience` seconds.

    A question is not answered again at once: the status is a moment behind the screen, and a second yes would answer
    what comes next. Neither is one that has come since `reached` was asked: that may be what it waits for.
    """
    seen: list[tuple[State, str]] = []
    answered: dict[str, float] = {}

    def there() -> bool:
        view = deck.agent(name)
        if not seen or seen[-1] != (view.state, view.reason):
            seen.append((view.state, view.reason))
        if reached(view):
            return True
        asked = view.status.question
        if view.state is State.WAITING and asked is not None and about in view.reason.lower():
            now = time.monotonic()
            if now - answered.get(view.reason, -_AGAIN) >= _AGAIN:
                answered[view.reason] = now
                try:
                    deck.answer(name, "yes", seen=asked)
                except RefusedError:  # it was read while it was being drawn
                    del answered[view.reason]
        return False

    try:
        eventually(there, patience, pause=0.5)
    except AssertionError as error:
        raise AssertionError(f"{seen}\n{deck.screen(name)}") from error
