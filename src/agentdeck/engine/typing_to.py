"""Type to an agent that runs, as a person at its terminal would."""

from __future__ import annotations

import time
from collections.abc import Sequence

from agentdeck.core.events import Event
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import World, silent
from agentdeck.errors import RefusedError

_BEFORE_ENTER = 0.15
"""Seconds: agent CLIs take an Enter that comes in the same read as a paste for a line of it."""
_SHOWN = 80
"""Characters of the text that its event has."""


def send(world: World, view: AgentView, text: str, keys: Sequence[str], *, enter: bool) -> None:
    """See Deck.send."""
    if not view.alive:
        raise RefusedError(
            f"{view.name} is not running ({view.state}).",
            hint=f"Start it again with “agentdeck resume {view.name}”.",
        )
    if text:
        world.tmux.type_text(world.deck, view.name, text)
    if text and enter:
        time.sleep(_BEFORE_ENTER)
    world.tmux.press(world.deck, view.name, [*keys, *(["Enter"] if text and enter else [])])
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    world.note(Event("input.sent", view.name, shown or " ".join(keys)), silent)


def answer(world: World, view: AgentView, *, yes: bool) -> None:
    """See Deck.answer."""
    profile = world.profiles.get(view.profile)
    keys = (("Enter",), ("Escape",)) if profile is None else (profile.answer.yes, profile.answer.no)
    send(world, view, "", keys[0] if yes else keys[1], enter=False)
