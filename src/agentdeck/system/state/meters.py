"""What is known of the limits of this user's accounts: a small file for each, of which the last writer wins. Standard
library only, for the runner."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from agentdeck.core.accounts.meters import Meter, Window
from agentdeck.system.files.files import private_folder, read_json, state_home, write_json

METERS = "meters"


def folder() -> Path:
    return state_home() / METERS


class Meters:
    def __init__(self, place: Path) -> None:
        self._place = place
        self._written: dict[str, Meter] = {}

    def _path(self, account: str) -> Path:
        return self._place / f"{quote(account, safe='@')}.json"

    def read(self, account: str) -> Meter:
        """Of the profile with that name; nothing is known of one without a file."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            return Meter.from_json(read_json(self._path(account)))
        return Meter()

    def all(self) -> dict[str, Meter]:
        """All that is known, by the profile's name."""
        names = [unquote(path.stem) for path in self._place.glob("*.json")] if self._place.is_dir() else []
        return {name: meter for name, meter in self.read_all(names).items() if meter.at}

    def read_all(self, accounts: Iterable[str]) -> dict[str, Meter]:
        return {each: self.read(each) for each in accounts}

    def told(self, account: str, windows: Sequence[Window]) -> None:
        if windows:
            self._write(account, self.read(account).told(windows, time.time()))

    def met(self, account: str, limit: float) -> None:
        """The account is at a limit that ends at `limit`."""
        self._write(account, self.read(account).met(limit, time.time()))

    def _write(self, account: str, meter: Meter) -> None:
        before = self._written.get(account)
        if before is not None and (before.windows, before.limited) == (meter.windows, meter.limited):
            return
        with contextlib.suppress(OSError):  # it is told again with the next answer
            private_folder(self._place)
            write_json(self._path(account), meter.to_json(), durable=False)
            self._written[account] = meter
