"""Hold what an agent runs to an amount of memory: told at four fifths of it, its largest child ended at all of it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from agentdeck.core.text.text import size_text
from agentdeck.system.machine.tree import Tree, signal_all

_EVERY = 1.0
"""Seconds between looks."""
_SOON = 0.8


class MemoryLimit:
    """`most` is in bytes of resident memory, of all processes of the run together; pages that they share count for
    each."""

    def __init__(self, most: int, tell: Callable[[str], None]) -> None:
        self._most, self._tell = most, tell
        self._next = 0.0
        self._told = False
        self.used_text = ""
        """How much they used at the last look, where that was nearly all; else empty."""

    def tick(self, now: float, tree: Tree, agent: int) -> float:
        """Look when that is due, and return when to look again. `agent` is the program that is spared."""
        if now < self._next:
            return self._next
        self._next = now + _EVERY
        sizes = {pid: resident(pid) for pid in tree.members()}
        used = sum(sizes.values())
        self.used_text = f"{size_text(used)} of {size_text(self._most)}" if used >= _SOON * self._most else ""
        if not self.used_text:
            self._told = False
        elif not self._told:
            self._told = True
            self._tell(f"its processes use {size_text(used)} of {size_text(self._most)} of memory")
        if used > self._most and (children := {pid: size for pid, size in sizes.items() if pid != agent}):
            largest = max(children, key=children.__getitem__)
            size = size_text(children[largest])
            self._tell(f"killed its process {largest} ({_name(largest)}) for memory: it used {size}")
            signal_all({largest}, signal.SIGKILL)
        return self._next


def resident(pid: int) -> int:
    """Bytes of resident memory; 0 where the process is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    return "?"
