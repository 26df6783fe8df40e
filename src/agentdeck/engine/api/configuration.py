"""`deck.configuration`: every key with its value and where that is from, and changes of the user's own file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agentdeck.engine.api.current import Current

if TYPE_CHECKING:
    from agentdeck.core.config.meaning import Meaning
    from agentdeck.engine.views.configuration import Setting


class DeckConfiguration:
    def __init__(self, current: Current) -> None:
        self._current = current

    def settings(self) -> list[Setting]:
        """Raise ConfigError where the files have mistakes."""
        from agentdeck.core.config.tomllines import dotted, leaves
        from agentdeck.engine.views.configuration import Setting

        found = self._current.world.safe_settings
        return [
            Setting(path, dotted(path), _toml(value), found.origins[dotted(path)])
            for path, value in leaves(found.values)
        ]

    def meaning(self, path: tuple[str, ...]) -> Meaning | None:
        """What the key means; None where it is none of the configuration's."""
        from agentdeck.core.config.config import Config
        from agentdeck.core.config.meaning import meaning_of

        return meaning_of(Config, path)

    def change(self, path: tuple[str, ...], text: str) -> str:
        """Set a key in the user's own file to a TOML value, or with “” take it out; return what came of it.

        Comments and all else in the file stay. Raise ConfigError, with nothing written, for what would not be valid.
        """
        from agentdeck.core.config.tomllines import dotted
        from agentdeck.system.config.editing import change, parsed, user_file

        change(self._current.root, path, parsed(text) if text.strip() else None)
        now = next((each for each in self.settings() if each.path == path), None)
        did = f"{dotted(path)} is in {user_file()}" if text.strip() else f"{dotted(path)} is no longer in {user_file()}"
        if now is not None and text.strip() and parsed(text) != parsed(now.value):
            return f"{did}, but {now.origin} overrides it."
        return f"{did}."


def _toml(value: object) -> str:
    """A value as TOML writes it; “” for none, which TOML has no word for."""
    if value is None:
        return ""
    return "{}" if isinstance(value, dict) else json.dumps(value, ensure_ascii=False)
