"""How this person wants the dashboard, out of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentdeck.core.frozen import dataclass, field
from agentdeck.core.text.text import plain
from agentdeck.errors import DeckError

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck

_THEMES = {"dark": "textual-dark", "light": "textual-light"}


@dataclass(frozen=True, slots=True)
class Preferences:
    theme: str = "dark"
    bell: bool = True
    notifications: bool = True
    title: bool = True
    call_for: frozenset[str] = frozenset({"waiting", "failed", "done"})
    keys: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    """Why the configuration can't be used, with what to do; then all is as the defaults say."""


def first_theme(deck: Deck) -> str:
    """The theme as the files write it, for the first paint, which does not wait until all of them is checked."""
    found = deck.peek("dashboard", "theme")
    return found if isinstance(found, str) else "dark"


def load(deck: Deck) -> Preferences:
    """Takes some tenths of a second the first time; raises nothing."""
    try:
        config = deck.config
    except DeckError as error:
        first = error.detail.splitlines()[0] if error.detail else error.hint
        return Preferences(problem=plain(f"{error.title} {first}".strip()))
    wanted = config.dashboard
    return Preferences(
        theme=wanted.theme,
        bell=wanted.bell,
        notifications=wanted.notifications,
        title=wanted.title,
        call_for=frozenset(wanted.call_for),
        keys=config.keys,
    )


def theme_name(wanted: str) -> str:
    """What Textual calls it."""
    return _THEMES.get(wanted, wanted)
