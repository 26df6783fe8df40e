"""Messages that wait for an agent, in its folder `messages/`: a file each, in the order in which they were sent.

    TIME-PID.json      it waits until the agent is idle
    TIME-PID.typed     the runner types it, or waits for the turn that begins with it
    TIME-PID.unsure    it was typed, and whether the agent has it is not known

Standard library only: the runner uses it.
"""

from __future__ import annotations

import contextlib
import os
import time
from enum import StrEnum
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.system.files.files import private_folder, read_json, write_json

MESSAGES = "messages"


class Stage(StrEnum):
    WAITING = "waiting"
    TYPED = "typed"
    UNSURE = "unsure"


_SUFFIXES = {Stage.WAITING: ".json", Stage.TYPED: ".typed", Stage.UNSURE: ".unsure"}
_STAGES = {suffix: stage for stage, suffix in _SUFFIXES.items()}


@dataclass(frozen=True, slots=True)
class Message:
    key: str
    text: str
    at: float
    """When it was sent, in seconds since the epoch."""
    stage: Stage

    @property
    def is_unsure(self) -> bool:
        """Whether it was typed, and may not have arrived."""
        return self.stage is Stage.UNSURE


class MessageQueue:
    """Every step is the renaming of one file, so that a crash leaves each message in one stage."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the agent's."""
        self._folder = folder / MESSAGES

    def put(self, text: str) -> Message:
        """Add a message; raise FileError where that can't be."""
        private_folder(self._folder)
        message = Message(f"{time.time_ns()}-{os.getpid()}", text, time.time(), Stage.WAITING)
        write_json(self._path(message.key, Stage.WAITING), {"text": text, "at": message.at})
        return message

    def all(self) -> list[Message]:
        """All that the agent is not known to have."""
        found = []
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                key, suffix = os.path.splitext(entry.name)  # noqa: PTH122 - for every agent of every list
                if not key.startswith(".") and (stage := _STAGES.get(suffix)) is not None:
                    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                        data = read_json(Path(entry.path))
                        found.append(Message(key, str(data["text"]), float(data["at"]), stage))
        return found

    def stage_of(self, key: str) -> Stage | None:
        """None: the agent has it, or it was taken back."""
        return next((stage for stage in Stage if self._path(key, stage).exists()), None)

    def move(self, key: str, old: Stage, new: Stage) -> bool:
        """Whether it was in the stage `old`, and is in `new` now."""
        with contextlib.suppress(FileNotFoundError):
            self._path(key, old).rename(self._path(key, new))
            return True
        return False

    def delete(self, key: str, stage: Stage) -> bool:
        """Whether it was in that stage, and is gone now."""
        with contextlib.suppress(FileNotFoundError):
            self._path(key, stage).unlink()
            return True
        return False

    def _path(self, key: str, stage: Stage) -> Path:
        return self._folder / f"{key}{_SUFFIXES[stage]}"
