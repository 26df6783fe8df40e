"""Hold what an agent runs to a number of processors, where no systemd does: it runs on these and no others."""

from __future__ import annotations

import contextlib
import math
import os
import sys

from agentdeck.system.machine.tree import Tree
from agentdeck.system.terminal.pty import PtyRelay

_EVERY = 1.0
"""Seconds between looks: a program may choose others."""


class CpuLimit:
    """`most` is rounded up. Which processors these are differs from run to run, so that agents don't share them."""

    def __init__(self, most: float, run: str, relay: PtyRelay) -> None:
        self._own = processors(most, run) if sys.platform == "linux" else set[int]()
        self._next = 0.0
        self._before, relay.enter = relay.enter, self._enter

    def _enter(self) -> None:
        self._before()
        self._keep(0)

    def tick(self, now: float, tree: Tree, agent: int) -> float:
        """Look when that is due, and return when to look again."""
        if now >= self._next:
            self._next = now + _EVERY
            for pid in tree.members():
                for task in _tasks(pid):
                    self._keep(task)
        return self._next

    def _keep(self, task: int) -> None:
        if self._own:
            with contextlib.suppress(OSError):
                if os.sched_getaffinity(task) - self._own:
                    os.sched_setaffinity(task, self._own)


def processors(most: float, run: str) -> set[int]:
    """As many as `most` of those that we may use ourselves, from a place on that the run's name gives."""
    all_ = sorted(os.sched_getaffinity(0))
    first = sum(run.encode()) % len(all_)
    return set((all_ + all_)[first : first + min(math.ceil(most), len(all_))])


def _tasks(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(each) for each in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208
    return []
