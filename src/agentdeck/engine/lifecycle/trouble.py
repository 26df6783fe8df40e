"""Why an agent can't be repaired: told once, and kept in its folder for `doctor`."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from agentdeck.errors import DeckError
from agentdeck.system.files.files import read_json, write_json
from agentdeck.system.state.store import Store

FILE = "trouble.json"
_AGAIN = 15.0
"""Seconds until what could not be repaired is tried again: a server that does not answer makes each try slow."""


def trouble_of(store: Store, name: str) -> dict[str, Any] | None:
    """`title`, `hint` and `at` of what keeps the agent from being repaired; None where nothing does."""
    with contextlib.suppress(OSError, ValueError):
        found = read_json(_path(store, name))
        if isinstance(found, dict) and {"title", "hint", "at"} <= found.keys():
            return found
    return None


def is_recent(store: Store, name: str) -> bool:
    """Whether its repair was tried just now, in vain."""
    known = trouble_of(store, name)
    return known is not None and 0 <= time.time() - known["at"] < _AGAIN


def is_news(store: Store, name: str, error: DeckError) -> bool:
    """Write down why its repair failed; return whether that was not known."""
    known = trouble_of(store, name)
    with contextlib.suppress(OSError):  # a full disk may be the trouble
        if _path(store, name).parent.is_dir():
            write_json(_path(store, name), {"title": error.title, "hint": error.hint, "at": time.time()})
    return known is None or known["title"] != error.title


def forget_trouble(store: Store, name: str) -> None:
    _path(store, name).unlink(missing_ok=True)


def _path(store: Store, name: str) -> Path:
    return store.agent_folder(name) / FILE
