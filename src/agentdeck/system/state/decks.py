"""The repositories in which this user has had agents."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from agentdeck.errors import DeckError
from agentdeck.system.files.files import state_home
from agentdeck.system.files.registry import Registry


def remember(root: Path) -> None:
    """Note that there are agents here. Nothing leans on it but a look at all of them, so no failure stops anything."""
    with suppress(DeckError, OSError):
        registry = _registry()
        if any(record["root"] == str(root) for record in registry.records()):
            return
        with registry.changing() as records:
            records[:] = [record for record in records if Path(record["root"]).is_dir()]
            records.append({"root": str(root), "since": time.time()})


def known() -> list[Path]:
    """Their main folders, those that are still there."""
    with suppress(DeckError, OSError):
        return [path for record in _registry().records() if (path := Path(record["root"])).is_dir()]
    return []


def _registry() -> Registry:
    return Registry(state_home() / "decks.json", ("root", "since"))
