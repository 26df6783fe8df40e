"""The command palette: every key's deed by its sentence, and every agent by its name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.types import IgnoreReturnCallbackType

from agentdeck.tui.keys.keys import KEYS
from agentdeck.tui.screens.deck import DeckScreen


class DeckCommands(Provider):
    def _commands(self) -> Iterator[tuple[str, IgnoreReturnCallbackType]]:
        screen = self.screen
        if not isinstance(screen, DeckScreen):
            return
        for section, keys in KEYS.items():
            for key in keys:
                yield f"{section.lower()}: {key.help}", partial(screen.run_action, key.action)
        for row in screen.snapshot.rows:
            yield f"go to {row.name} ({row.state})", partial(screen.go_to, row.name)

    async def discover(self) -> Hits:
        for text, command in self._commands():
            yield DiscoveryHit(text, command)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for text, command in self._commands():
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, matcher.highlight(text), command)
