"""Push what comes to an agent's log as soon as it is there, for a home at which somebody reads along."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentdeck.engine.deck import Deck
from agentdeck.engine.host.acts import CHUNK
from agentdeck.errors import NotFoundError
from agentdeck.system.files.files import opened
from agentdeck.system.files.news import news

_LOST = 5.0
"""Seconds after which it is looked, whatever was noticed."""


class Tails:
    """One log of each agent at a time. What is lost of it comes with the next look of home."""

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        self._say = say
        self._newest: dict[tuple[str, str], object] = {}
        self.logs: set[str] = set()
        """The names of the files that are pushed: that they grow is no other news."""

    def begin(self, deck: Deck, name: str, path: str, offset: int, deck_name: str) -> None:
        """Push what the log holds after `offset`, and all that comes to it. Raise NotFoundError where the agent has
        another log by now."""
        if str(deck.agent(name).log or "") != path:
            raise NotFoundError(f"{name} has no log at {path[:200]}.")
        own = self._newest[deck_name, name] = object()
        words = (own, deck_name, name, Path(path), offset)
        threading.Thread(target=self._follow, args=words, daemon=True, name=f"tails {name}").start()

    def _follow(self, own: object, deck: str, name: str, path: Path, offset: int) -> None:
        self.logs.add(path.name)
        try:
            self._push(own, deck, name, path, offset)
        finally:
            self.logs.discard(path.name)

    def _push(self, own: object, deck: str, name: str, path: Path, offset: int) -> None:
        for _ in news(path.parent, path.name, _LOST):
            if self._newest.get((deck, name)) is not own:
                return
            try:
                with opened(path) as file:
                    file.seek(offset)
                    while data := file.read(CHUNK // 4):
                        told = {"path": str(path), "offset": offset, "data": base64.b64encode(data).decode()}
                        self._say({"push": "log", "deck": deck, "agent": name, **told})
                        offset += len(data)
                    if file.seek(0, 2) < offset:  # it was put aside; the next look of home begins anew
                        return
            except OSError:  # it is not written to yet, or an agent has put something else in its place
                continue
