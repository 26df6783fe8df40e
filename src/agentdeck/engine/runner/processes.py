"""Hold what an agent runs to a number of processes: told at four fifths of it, the youngest ended above it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from agentdeck.system.machine.tree import Tree, signal_all

_EVERY = 1.0
"""Seconds between looks."""
_AGAIN = 0.1
"""Seconds to the next look where it may start processes faster than they are ended."""
_SOON = 0.8


class ProcessLimit:
    def __init__(self, most: int, tell: Callable[[str], None]) -> None:
        self._most, self._tell = most, tell
        self._next = 0.0
        self._told = self._ended = False

    def tick(self, now: float, tree: Tree, agent: int) -> float:
        """Look when that is due, and return when to look again. `agent` is the program that is spared."""
        if now < self._next:
            return self._next
        self._next = now + _EVERY
        alive = tree.members()
        if len(alive) < _SOON * self._most:
            self._told = self._ended = False
        elif not self._told:
            self._told = True
            self._tell(f"it has {len(alive)} of {self._most} processes")
        if len(alive) > self._most:
            oldest = sorted(alive - {agent}, key=_started)
            signal_all(set(oldest[self._most - 1 :]), signal.SIGKILL)
            if not self._ended:
                self._ended = True
                self._tell(f"ended {len(alive) - self._most} of its {len(alive)} processes, the youngest")
            self._next = now + _AGAIN
        return self._next


def _started(pid: int) -> int:
    """When a process was started, in ticks since the machine was; late where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 1 << 62
