"""The gateway's parent: starts it again where it was killed or crashed, with the keys that it had been given.

Keys are never on disk, so somebody has to remember them: the gateway sends them through a pipe whenever they change.
Standard library only, for it stays small while the gateway grows.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from agentdeck.system.files.files import from_json
from agentdeck.system.gateway.files import WANTED

Keys = dict[str, dict[str, str]]
"""The variables that each deck handed over."""
Serve = Callable[[Keys, int, str], int]
"""Serves with these keys; writes changed ones to the descriptor; the text is how the one before it died."""
_SOON = 1.0
"""A gateway that ends by itself within so many seconds would do it again."""
_PAUSE_MAX = 2.0


class Guardian:
    def __init__(self, state: Path, serve: Serve) -> None:
        self._state, self._serve = state, serve
        self._child = 0
        self._stopping = False

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        keys: Keys = {}
        died, pause = "", 0.0
        while True:
            began = time.monotonic()
            code, keys = self._one(keys, died)
            lived = time.monotonic() - began
            gives_up = code > 0 and lived < _SOON  # it can't serve, and has said why
            if self._stopping or gives_up or not (self._state / WANTED).exists():
                return max(code, 0)
            died = f"signal {-code}" if code < 0 else f"exit {code}"
            pause = min(pause * 2 or 0.1, _PAUSE_MAX) if lived < _SOON else 0.0
            time.sleep(pause)

    def _one(self, keys: Keys, died: str) -> tuple[int, Keys]:
        """Run one gateway to its end; return its exit code, minus a signal's number, and the keys that it had."""
        inlet, outlet = os.pipe()
        self._child = os.fork()
        if not self._child:
            os.close(inlet)
            code = 1
            try:
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(number, signal.SIG_DFL)
                code = self._serve(keys, outlet, died)
            except BaseException:  # noqa: BLE001 - the child must not go on as its own guardian
                traceback.print_exc()
            os._exit(code)
        os.close(outlet)
        with os.fdopen(inlet, encoding="utf-8") as told:
            for line in told:
                with contextlib.suppress(ValueError):  # it was killed while it wrote
                    keys = _keys_in(from_json(line), keys)
        _, status = os.waitpid(self._child, 0)
        return os.waitstatus_to_exitcode(status), keys

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGTERM)


def _keys_in(told: Any, old: Keys) -> Keys:
    return told if isinstance(told, dict) else old
