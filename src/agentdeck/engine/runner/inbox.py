"""Where hooks, the gateway and verbs leave reports for the runner, with a FIFO by which they wake it."""

from __future__ import annotations

import os
from pathlib import Path

from agentdeck.system.files.files import private_folder

MESSAGES = "typing"
"""The folder in an agent's own with what people send to it, a file each, which the runner deletes once it is typed."""
WITHDRAWN_AFTER = 10.0
"""Seconds that a message may wait for the program to be up."""
TAKEN = ".taken"
REFUSED = ".refused"
"""In place of a message that would have answered a question: what the agent asks."""


class Inbox:
    def __init__(self, folder: Path) -> None:
        self.folder = private_folder(folder)
        self.clear()  # of an earlier run, for which they came too late
        path = self.folder / ".poke"
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
        """Whether somebody has woken the runner since the last call."""
        try:
            return bool(os.read(self.poke, 4096))
        except BlockingIOError:
            return False
