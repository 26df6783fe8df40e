"""The gateway's folder, one for all decks of a user, and what anybody may read there without asking the process.

    gateway.lock      held while it lives; `wanted` is there from a start until somebody stops it
    gateway.json      where it listens
    config.json       a plan for each deck, and where the deck's store is
    board.json        who serves which agent, which providers are left alone, whose budget is spent
    secret            what tokens are signed with
    events.jsonl      what happened at providers
    ledger.sqlite3    one row a request

Standard library only: `agentdeck ls` reads the board at every call.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import dataclass
from agentdeck.system.files.files import is_locked, locked, private_folder, read_json, write_json

LOCK, WANTED, ADDRESS, CONFIG, BOARD = "gateway.lock", "wanted", "gateway.json", "config.json", "board.json"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway listens, on loopback."""

    pid: int
    port: int
    started: float


@dataclass(frozen=True, slots=True)
class GatewayFiles:
    """The folder `state`."""

    state: Path

    def alive(self) -> bool:
        return is_locked(self.state / LOCK)

    def address(self) -> Address | None:
        """Where the living gateway listens; None while it is starting, or where there is none."""
        found = self._read(ADDRESS)
        if not found or not self.alive():
            return None
        # A file that an earlier one left names another process than the lock does.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if int((self.state / LOCK).read_text()) == found["pid"]:
                return Address(found["pid"], found["port"], found["started"])
        return None

    @property
    def wanted(self) -> bool:
        """Whether it should be there: somebody started it, and nobody stopped it since."""
        return os.path.exists(self.state / WANTED)  # noqa: PTH110 - at every `ls`

    def want(self, wanted: bool) -> None:
        if wanted:
            private_folder(self.state)
            (self.state / WANTED).touch(mode=0o600)
        else:
            (self.state / WANTED).unlink(missing_ok=True)

    def board(self) -> dict[str, Any]:
        return self._read(BOARD)

    def config(self) -> dict[str, Any]:
        found = self._read(CONFIG)
        return found if all(isinstance(found.get(key, {}), dict) for key in ("decks", "stores")) else {}

    def put_plan(self, deck: str, plan: dict[str, Any] | None, store: Path) -> None:
        """Write the deck's plan, or take it out with None; the gateway takes the file up by itself."""
        private_folder(self.state)
        with locked(self.state / "config.lock", wait=10, what="the gateway's configuration"):
            config = self.config()
            decks, stores = dict(config.get("decks", {})), dict(config.get("stores", {}))
            if plan is None:
                decks.pop(deck, None)
                stores.pop(deck, None)
            else:
                decks[deck], stores[deck] = plan, str(store)
            new = {"decks": decks, "stores": stores}
            if new != config:
                write_json(self.state / CONFIG, new)

    def _read(self, name: str) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            found = read_json(self.state / name)
            if isinstance(found, dict):
                return found
        return {}
