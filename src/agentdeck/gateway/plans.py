"""The gateway's configuration file: a plan for each deck, read again when it changes."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from agentdeck.core.gateway_config import Plan
from agentdeck.errors import ConfigError


class Plans:
    """`{"decks": {DECK: PLAN, …}}`; the deck `""` is meant for all that are not named.

    A PLAN has the tables `providers`, `tiers` and `gateway` of `agentdeck.toml`.
    """

    def __init__(self, path: Path) -> None:
        """Raise ConfigError where the file is missing or wrong."""
        self._path = path
        self._seen = self._stamp()
        self._plans = self._read()
        self.complaint = ""
        """Why the newest file was not taken, if so."""

    def of(self, deck: str) -> Plan:
        return self._plans.get(deck) or self._plans.get("") or Plan()

    def every(self) -> list[Plan]:
        return list(self._plans.values())

    def refresh(self) -> bool:
        """Take the file up again if it changed; one that is wrong changes nothing but `complaint`."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self._plans = self._read()
        except ConfigError as error:
            self.complaint = str(error)
            return False
        self.complaint = ""
        return True

    def _stamp(self) -> tuple[int, int, int]:
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)

    def _read(self) -> dict[str, Plan]:
        try:
            document = json.loads(self._path.read_text("utf-8"))
            decks = document["decks"]
            return {deck: Plan.model_validate_json(json.dumps(plan)) for deck, plan in decks.items()}
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(
                f"The gateway's configuration {self._path} is wrong: {where or 'tiers'}: {first['msg']}."
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"The gateway's configuration {self._path} can't be read.", detail=repr(error)) from error
