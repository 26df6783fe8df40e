"""Landings and undos that a crash cut short. To ask costs a look at two folders, so every verb can."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from agentdeck.system.files.files import is_locked
from agentdeck.system.state.store import Store

_TAKING = 10.0
"""Seconds that a lock may be there and empty until someone has it."""


def landings_folder(store: Store) -> Path:
    return store.folder / "landings"


def dead_landings(store: Store) -> list[str]:
    """The ids of the landings whose process ended before they did."""
    locks = landings_folder(store).glob("*.lock")
    return [path.stem for path in locks if _was_taken(path) and not is_locked(path)]


def _was_taken(lock: Path) -> bool:
    """Who takes a lock writes its number there. An empty one is just about to be taken; an old one was on a disk that
    had no room for that."""
    with suppress(FileNotFoundError):
        found = lock.stat()
        return found.st_size > 0 or time.time() - found.st_mtime > _TAKING
    return False


def undo_journal(store: Store) -> Path:
    """What an undo writes down before it acts; gone when it is done."""
    return store.folder / "steps" / "undo"


def undo_lock(store: Store) -> Path:
    return undo_journal(store).with_name("undo.lock")


def undo_is_dead(store: Store) -> bool:
    return undo_journal(store).exists() and not is_locked(undo_lock(store))
