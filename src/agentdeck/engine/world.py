"""What every part of the engine needs to know of one deck; made once, by `Deck.find`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.core.events import Event
from agentdeck.core.inheritance import inherited
from agentdeck.errors import DeckError
from agentdeck.system.files import state_home
from agentdeck.system.git import Repository
from agentdeck.system.store import Store
from agentdeck.system.tmux import Tmux

if TYPE_CHECKING:
    from agentdeck.core.profile import Profile
    from agentdeck.system.databases import Database
    from agentdeck.system.ports import PortRegistry
    from agentdeck.system.settings import Settings

Note = Callable[[Event], None]
"""Gets every event as it happens; the faces turn it into narration, JSON lines or messages."""


def silent(event: Event) -> None:
    """The Note of a caller that wants none."""


@dataclass(frozen=True)
class World:
    repo: Repository
    root: Path
    """The main worktree's top; in a bare repository the folder its worktrees lie beside."""
    store: Store
    tmux: Tmux

    @cached_property
    def deck(self) -> str:
        """A name for people and for tmux: the repository's folder and the deck's id."""
        return self.store.deck_name or deck_name(self.root, self.store.deck_id)

    @cached_property
    def settings(self) -> Settings:
        from agentdeck.system.settings import load

        return load(self.root)

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        from agentdeck.system.profiles import load_profiles

        return load_profiles()

    @cached_property
    def ports(self) -> PortRegistry:
        from agentdeck.system.ports import PortRegistry

        return PortRegistry(state_home() / "ports.json")

    @cached_property
    def database(self) -> Database | None:
        from agentdeck.system.databases import open_database

        return open_database(self.settings.config.database, self.root, state_home())

    def environment(self) -> dict[str, str]:
        """What the caller hands down, under the variables of the configured env file and of `[agent] env`. Raise
        ConfigError where that file can't be read."""
        config = self.settings.config
        passed, dropped = config.agent.pass_env, config.agent.drop_env
        merged = inherited(os.environ, passed=passed, dropped=dropped, own_venv=own_venv())
        if config.agent.env_file:
            from agentdeck.system import envfile

            merged |= envfile.source(self.root / Path(config.agent.env_file).expanduser())
        return merged | config.agent.env

    @property
    def search_path(self) -> str | None:
        """Where agents' programs are looked for: their PATH, as far as it is known before one is started."""
        with suppress(DeckError):  # who starts one is told
            return self.environment().get("PATH")
        return None

    def note(self, event: Event, to: Note) -> None:
        """Write `event` down and tell it on."""
        self.store.append(event)
        to(event)

    def lives(self, name: str) -> bool:
        return self.store.runner_lives(name)


def deck_name(root: Path, deck_id: str) -> str:
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in root.name).strip("-")
    return f"{plain[:24] or 'deck'}-{deck_id}"


def own_venv() -> str:
    """The virtual environment that this process runs in; empty where it runs in none."""
    return sys.prefix if sys.prefix != sys.base_prefix else ""
