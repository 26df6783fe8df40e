"""The command palette: every key's deed, the verb first and its key beside it, and every agent by its name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.types import IgnoreReturnCallbackType

from agentdeck.core.text.text import plain
from agentdeck.tui.acts.pages import pages
from agentdeck.tui.keys.keymap import first_key
from agentdeck.tui.keys.keys import KEYS
from agentdeck.tui.screens.deck import DeckScreen
from agentdeck.tui.screens.page import PageScreen

Command = tuple[str, str, IgnoreReturnCallbackType]
"""What it is called, its key, and what it does."""


_ACTIONS = {
    "Start a race": "new_race",
    "Compare the latest race": "race",
    "Check pull requests now": "check_pulls",
    "Choose a tier for a task": "route",
}
"""What has no key of its own."""


class DeckCommands(Provider):
    def _commands(self) -> Iterator[Command]:
        screen = self.screen
        if not isinstance(screen, DeckScreen):
            return
        for key in (key for keys in KEYS.values() for key in keys if key.label):
            yield key.label, first_key(key, screen.app._keymap), partial(screen.run_action, key.action)
        for title, action in _ACTIONS.items():
            yield title, "", partial(screen.run_action, action)
        for title, text in pages(screen.deck, row.name if (row := screen._row()) is not None else ""):
            yield title, "", partial(screen.app.push_screen, PageScreen(title, text))
        for row in screen.snapshot.rows:
            yield f"Go to {plain(row.name)}", str(row.state), partial(screen.go_to, row.name)

    async def discover(self) -> Hits:
        for text, key, command in self._commands():
            yield DiscoveryHit(_line(Content(text), key), command, text)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for text, key, command in self._commands():
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, _line(matcher.highlight(text), key), command, text)


def _line(text: Content, key: str) -> Content:
    return Content("").join([text, Content.styled(f"  {key}", "$text-accent")])
