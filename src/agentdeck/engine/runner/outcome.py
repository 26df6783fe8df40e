"""How a run stands and ended: written down for everybody, also on a disk that refuses it for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from agentdeck.core.agents.agent import PASSING_FAULTS, Fault, State, Status
from agentdeck.engine.runner.guardian import KILLED
from agentdeck.errors import BusyError, DeckError, ExitCode, FileError
from agentdeck.system.state.store import Store

_RETRY = 1.0
"""Seconds after which a status that could not be written is tried again."""


class StatusFile:
    def __init__(self, store: Store, agent: str) -> None:
        self._store, self._agent = store, agent
        self._untold_at: float | None = None
        """When the last status could not be written; monotonic. None: it is."""

    @property
    def due(self) -> float | None:
        """When a status that could not be written is to be tried again; monotonic."""
        return None if self._untold_at is None else self._untold_at + _RETRY

    def write(self, status: Status) -> None:
        try:
            self._store.set_status(self._agent, status)
            self._untold_at = None
        except (OSError, DeckError):  # a full disk must not end the agent
            self._untold_at = time.monotonic()

    def write_end(self, final: Status, complain: Callable[[str], None]) -> None:
        """Write how it ended, and wait for as long as the disk refuses that: nobody else knows."""
        told = False
        while True:
            try:
                self._store.set_status(self._agent, final)
                return
            except (FileError, BusyError) as error:
                if not told:
                    complain(f"it is {final.state}, but that can't be recorded yet: {error.title}")
                told = True
                time.sleep(_RETRY)


def ending(status: Status) -> tuple[str, int]:
    """The word for the runs' log, and the runner's exit code."""
    if status.state is State.DONE:
        return "OK", ExitCode.OK
    if status.state is State.STOPPED:
        return "STOPPED", ExitCode.INTERRUPTED
    if status.fault is Fault.TIMED_OUT:
        return "TIMEOUT", ExitCode.TIMED_OUT
    if status.fault in PASSING_FAULTS:
        return "FAIL", ExitCode.TRY_LATER
    if status.fault is Fault.LOST:
        return "FAIL", KILLED
    return "FAIL", status.exit_code if status.exit_code and status.exit_code > 0 else ExitCode.FAILED
