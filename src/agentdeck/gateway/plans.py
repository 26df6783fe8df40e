"""The gateway's configuration file: a plan for each deck, read again when it changes."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from agentdeck.core.config.gateway import Plan
from agentdeck.errors import ConfigError
from agentdeck.system.files.files import read_json, sign


class Plans:
    """`{"decks": {DECK: PLAN, …}, "stores": {DECK: FOLDER, …}}`; the deck `""` is meant for all that are not named.

    A PLAN has the tables `providers`, `tiers`, `gateway` and `budgets` of `agentdeck.toml`; FOLDER is the deck's store.
    """

    def __init__(self, path: Path) -> None:
        """Raise ConfigError where the file is missing, or no plan in it is good."""
        self._path = path
        self._seen = sign(path)
        self._plans: dict[str, Plan] = {}
        self._stores: dict[str, Path] = {}
        self.complaint = ""
        """Why a part of the newest file was not taken, if so."""
        wrong = self._read()
        if wrong and not self._plans:
            raise wrong

    def of(self, deck: str) -> Plan:
        return self._plans.get(deck) or self._plans.get("") or Plan()

    def every(self) -> list[Plan]:
        return list(self._plans.values())

    def store(self, deck: str) -> Path | None:
        return self._stores.get(deck)

    def refresh(self) -> bool:
        """Take the file up again if it changed; a plan that is wrong leaves the deck's old one, and a `complaint`."""
        now = sign(self._path)
        if now == self._seen:
            return False
        self._seen = now
        return self._read() is None

    def _read(self) -> ConfigError | None:
        wrong: ConfigError | None = None
        plans: dict[str, Plan] = {}
        try:
            document = read_json(self._path)
            for deck, plan in document["decks"].items():
                try:
                    plans[deck] = Plan.model_validate_json(json.dumps(plan))
                except ValidationError as error:
                    wrong = self._wrong(error)
                    if (old := self._plans.get(deck)) is not None:
                        plans[deck] = old
            self._stores = {deck: Path(folder) for deck, folder in document.get("stores", {}).items()}
            self._plans = plans
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            wrong = ConfigError(f"The gateway's configuration {self._path} can't be read.", detail=repr(error))
        self.complaint = str(wrong) if wrong else ""
        return wrong

    def _wrong(self, error: ValidationError) -> ConfigError:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return ConfigError(f"The gateway's configuration {self._path} is wrong: {where or 'tiers'}: {first['msg']}.")
