"""What the shell's Tab key offers; called by argcomplete only. One that finds nothing says nothing."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from agentdeck.core.text.text import plain
from agentdeck.errors import DeckError


def agents(prefix: str, parsed_args: Namespace, **_: Any) -> dict[str, str]:
    """Names, each with its state."""
    from agentdeck.engine.deck import Deck

    try:
        views = Deck.find(_folder(parsed_args)).agents()
    except DeckError:
        return {}
    return {view.name: str(view.state) for view in views}


def profiles(prefix: str, parsed_args: Namespace, **_: Any) -> list[str]:
    from agentdeck.engine.deck import Deck

    try:
        return Deck.profile_names()
    except DeckError:
        return []


def hosts(prefix: str, parsed_args: Namespace, **_: Any) -> list[str]:
    from agentdeck.engine.deck import Deck

    try:
        return [*Deck.hosts().names(), "any"]
    except DeckError:
        return []


def tiers(prefix: str, parsed_args: Namespace, **_: Any) -> list[str]:
    from agentdeck.engine.deck import Deck

    try:
        return Deck.find(_folder(parsed_args)).choices.tiers()
    except DeckError:
        return []


def models(prefix: str, parsed_args: Namespace, **_: Any) -> list[str]:
    """Those that the profile knows by name; a CLI or a provider would take too long to ask."""
    from agentdeck.engine.deck import Deck

    try:
        profiles = Deck.find(_folder(parsed_args)).choices.profiles()
    except DeckError:
        return []
    wanted = getattr(parsed_args, "agent", None)
    return [name for each in profiles if wanted in (None, each.name) for name in each.models]


def branches(prefix: str, parsed_args: Namespace, **_: Any) -> list[str]:
    from agentdeck.engine.deck import Deck

    try:
        names = Deck.find(_folder(parsed_args)).choices.branches()
    except DeckError:
        return []
    # A shell prints what it offers as it is.
    return [name for name in names if not name.endswith("/HEAD") and plain(name) == name]


def _folder(parsed_args: Namespace) -> Path | None:
    folder = getattr(parsed_args, "folder", None)
    from agentdeck.system.machine.host import home_path

    return home_path(folder) if folder else None
