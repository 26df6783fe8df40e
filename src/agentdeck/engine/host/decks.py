"""The decks that a host keeps for homes: a clone each, in the state of the user there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from agentdeck.core.fleet.facts import HeldAgent
from agentdeck.core.fleet.orders import epoch_of
from agentdeck.engine.deck import Deck
from agentdeck.errors import DeckError, NotFoundError, RefusedError, UsageError
from agentdeck.system.files.files import locked, private_folder, state_home
from agentdeck.system.fleet.probe import machine_id
from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.process import run

_DECK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,80}")
_MODULE = re.compile(r"(?!\.)[^\x00-\x1f]+")
_PLAIN = re.compile(r"[^A-Za-z0-9.-]+")


def folder_of(deck: str) -> Path:
    """Where the clone of that deck lies. Machines may share one home, so it names this one."""
    if not _DECK.fullmatch(deck):
        raise UsageError(f"“{deck[:60]}” is no deck's name.")
    return state_home() / "decks" / f"{deck}@{_PLAIN.sub('-', machine_id())}"


def find(deck: str) -> Deck:
    """Raise NotFoundError where home never sent it."""
    folder = folder_of(deck)
    if not (folder / ".git").is_dir():
        raise NotFoundError(f"This host has no deck {deck}.", hint="It gets one with the first agent that starts here.")
    return Deck.find(folder)


def prepare(deck: str, hash_kind: str, settings: dict[str, str], submodule: str = "") -> Repository:
    """The clone of that deck, made where there is none, or what it keeps of that submodule of it. `settings` are keys
    of git's configuration that hold where this user has none of their own."""
    if submodule:
        return module(deck, submodule, hash_kind, settings)
    folder = folder_of(deck)
    private_folder(folder.parent)
    with locked(folder.parent / f"{folder.name}.lock", wait=60, what=f"the deck {deck}"):
        ready = folder / ".git" / "agentdeck-ready"
        if ready.exists():
            return Repository.find(folder)
        done = run(["git", "init", "--quiet", f"--object-format={hash_kind}", "--initial-branch=main", folder])
        if not done:
            raise RefusedError(f"The deck {deck} can't be made here.", detail=done.complaint)
        repo = Repository.find(folder)
        for key, value in settings.items():
            if key in _SETTINGS and not repo.run("config", "--get", key):
                repo.git("config", key, value)
        ready.touch()
    return repo


def module(deck: str, name: str, hash_kind: str = "", settings: Mapping[str, str] = MappingProxyType({})) -> Repository:
    """What the clone keeps of a submodule, from which its worktrees clone theirs; made where `hash_kind` is given."""
    if not all(_MODULE.fullmatch(part) for part in name.split("/")):
        raise UsageError(f"“{name[:60]}” can't be the name of a submodule.")
    folder = find(deck)._world.repo.common / "modules" / name
    if hash_kind and not (folder / "HEAD").exists():
        run(["git", "init", "--quiet", "--bare", f"--object-format={hash_kind}", "--initial-branch=given", folder])
        if url := settings.get("remote.origin.url"):
            Repository.find(folder).git("config", "remote.origin.url", url)
    return Repository.find(folder)


_SETTINGS = ("user.name", "user.email", "remote.origin.url", "core.autocrlf")


def decks() -> Iterator[tuple[str, Deck]]:
    """Those that this host has, by the names that their homes know them by."""
    with suppress(OSError):
        for folder in sorted((state_home() / "decks").iterdir()):
            if (folder / ".git").is_dir():
                with suppress(DeckError):
                    yield folder.name.partition("@")[0], Deck.find(folder)


def held() -> Iterator[HeldAgent]:
    """The agents that this host holds for homes."""
    for name, deck in decks():
        with suppress(DeckError):
            for view in deck.agents():
                if epoch := epoch_of(view.agent.id):
                    yield HeldAgent(name, view.name, epoch, str(view.state), view.alive)
