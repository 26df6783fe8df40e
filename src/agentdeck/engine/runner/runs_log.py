"""The line at the start and at the end of every run, in one file for the whole deck."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from agentdeck.core.agents.orders import Orders
from agentdeck.system.files.files import append_line


class RunsLog:
    def __init__(self, orders: Orders, path: Path, failed: Callable[[str], None]) -> None:
        """`failed` is told why a line could not be written."""
        self._orders, self._path, self._failed = orders, path, failed
        self._begun = time.monotonic()

    def start(self) -> None:
        self._write("START", f"deck={self._orders.deck} pid={os.getpid()}")

    def end(self, word: str, code: int) -> None:
        self._write(word, f"rc={code} seconds={time.monotonic() - self._begun:.1f}")

    def _write(self, word: str, rest: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            append_line(self._path, f"{stamp} {word} agent={self._orders.agent} run={self._orders.run} {rest}")
        except OSError as error:
            self._failed(str(error))
