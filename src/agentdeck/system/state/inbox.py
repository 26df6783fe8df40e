"""A folder in which other processes leave reports for one that reads them, with a FIFO by which they wake it."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentdeck.system.files.files import private_folder, write_json

_POKE = ".poke"


class Inbox:
    """Standard library only: the runner uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = private_folder(folder)
        self.clear()  # of an earlier run, for which they came too late
        path = self.folder / _POKE
        # Made anew, for an agent can have put something else there, or a link to it.
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
        # Open for both, so that it never ends and no writer ever blocks.
        self.poke = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)

    def clear(self) -> None:
        """Drop the reports of a program that is gone."""
        for report in self.folder.glob("*.json"):
            report.unlink(missing_ok=True)

    def was_poked(self) -> bool:
        """Whether somebody has woken the reader since the last call."""
        try:
            return bool(os.read(self.poke, 4096))
        except BlockingIOError:
            return False


def put_report(inbox: Path, payload: Mapping[str, Any]) -> Path | None:
    """Leave a report there and wake the reader; return its file, which the reader deletes. None where there is no
    such inbox."""
    if not inbox.is_dir():
        return None
    path = inbox / f"agentdeck-{os.getpid()}-{time.monotonic_ns()}.json"
    write_json(path, dict(payload))
    wake_reader(inbox)
    return path


def wake_reader(inbox: Path) -> None:
    with contextlib.suppress(OSError):  # one that is just ending, or has not begun, does not listen
        # The agent may have put a link or a file in its place.
        descriptor = os.open(inbox / _POKE, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.write(descriptor, b"x")
        finally:
            os.close(descriptor)
