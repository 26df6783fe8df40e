"""Keys that come faster than the screen follows, as on a busy machine: each is for what the ones before have led to.

Textual decides at once which widget gets a key, and looks at the bindings only when that has left it: of `/` and a
word, typed in one go, the letters would be keys of the list.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from textual.app import App
from textual.events import Event, Key, Paste
from textual.screen import Screen
from textual.widget import Widget

_COMES_UP = 1.0
"""Seconds in which a new screen comes up, at the latest."""


class KeysInOrder(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self._aims = WeakKeyDictionary[Event, tuple[Screen[Any], Widget | None]]()
        """What had the focus when each key came."""
        self._are_up = WeakSet[Screen[Any]]()

    async def on_event(self, event: Event) -> None:
        if isinstance(event, (Key, Paste)) and not event.is_forwarded and self.screen_stack:
            await self._comes_up(self.screen)
            self._aims[event] = (self.screen, self.focused)
        await super().on_event(event)

    async def _comes_up(self, screen: Screen[Any]) -> None:
        """Wait until `screen` is there, with its focus where that begins."""
        until = time.monotonic() + _COMES_UP
        while screen not in self._are_up:
            if (screen.is_mounted and screen.focused is not None) or time.monotonic() > until:
                self._are_up.add(screen)
            else:
                await asyncio.sleep(0.01)

    async def _on_key(self, event: Key) -> None:
        """A key that no widget took, before the bindings are asked."""
        aim = self._aims.pop(event, None)
        if aim is not None and aim != (self.screen, self.focused):
            event.prevent_default()
            await self.on_event(Key(event.key, event.character))
