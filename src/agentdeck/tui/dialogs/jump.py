"""Go to an agent by the label that it gets for as long as this is open."""

from __future__ import annotations

import string

from textual import events
from textual.screen import ModalScreen

LABELS = string.digits[1:] + string.ascii_lowercase


class Jump(ModalScreen[str | None]):
    """Takes one key and is answered with its character. What it labels stays to be seen behind it."""

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss(event.character if event.character and event.character in LABELS else None)

    def on_click(self) -> None:
        self.dismiss(None)
