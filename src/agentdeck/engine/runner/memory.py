"""Hold what an agent runs to an amount of memory: told at four fifths of it, its largest child ended at all of it.

Where its systemd made a scope for it, the kernel ends what takes memory faster than we look; that is told too.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from agentdeck.core.text.text import size_text
from agentdeck.system.machine.scope import ended_for_memory, held_by_systemd
from agentdeck.system.machine.tree import Tree, signal_all

_EVERY = 1.0
"""Seconds between looks."""
_AT_FIRST = 0.1
"""Seconds between looks while systemd makes the scope: before one, the kernel's kills go unseen."""
_AROUND = 2
"""How many processes of bubblewrap's there are: one outside of the box, one in it."""
_SOON = 0.8


class MemoryLimit:
    """`most` is in bytes of resident memory, of all processes of the run together; pages that they share count for
    each."""

    def __init__(self, most: int, tell: Callable[[str], None], *, scoped: bool = False) -> None:
        """`scoped`: systemd makes a scope for each program of the run."""
        self._most, self._tell, self._scoped = most, tell, scoped
        self._next = 0.0
        self._told = False
        self._used_text = ""
        self._scope: Path | None = None
        self._ended = self._ended_in_slice = 0
        self._was_killed = False
        """Whether the last look found that the kernel had killed one."""

    def tick(self, now: float, tree: Tree, agent: int) -> float:
        """Look when that is due, and return when to look again. `agent` is the program that is spared."""
        if now < self._next:
            return self._next
        if self._scoped:
            self._look_at_scope(agent)
        self._next = now + (_AT_FIRST if self._scoped and self._scope is None else _EVERY)
        sizes = {pid: resident(pid) for pid in tree.members()}
        used = sum(sizes.values())
        self._used_text = f"{size_text(used)} of {size_text(self._most)}" if used >= _SOON * self._most else ""
        if not self._used_text:
            self._told = False
        elif not self._told:
            self._told = True
            self._tell(f"its processes use {size_text(used)} of {size_text(self._most)} of memory")
        spared = own_programs(agent) if used > self._most else set()
        if used > self._most and (children := {pid: size for pid, size in sizes.items() if pid not in spared}):
            largest = max(children, key=children.__getitem__)
            size = size_text(children[largest])
            self._tell(f"killed its process {largest} ({_name(largest)}) for memory: it used {size}")
            signal_all({largest}, signal.SIGKILL)
        return self._next

    def _look_at_scope(self, agent: int) -> None:
        found = held_by_systemd(agent)
        if found is None:
            return  # it ended with the agent: what was seen before it did stands
        is_new, self._scope = found != self._scope, found
        before, self._ended = self._ended, ended_for_memory(self._scope)
        self._ended_in_slice = ended_for_memory(self._scope.parent)
        self._was_killed = self._ended > before and not is_new
        if self._was_killed:
            self._tell(f"the kernel killed one of its processes for memory: it has {size_text(self._most)}")

    def why_killed(self) -> str:
        """Why the agent itself was, as far as that was for memory; else empty."""
        # Its scope ends with it, and leaves its number to the slice of all agents.
        in_slice = ended_for_memory(self._scope.parent) if self._scope is not None else 0
        by_kernel = self._was_killed or in_slice > self._ended_in_slice
        is_scoped = self._scope is not None
        self._scope, self._ended, self._was_killed = None, 0, False
        if self._used_text:
            return f"killed for memory: it used {self._used_text}"
        if is_scoped and by_kernel:
            return f"killed for memory: it used more than {size_text(self._most)}"
        return ""


def own_programs(pid: int) -> set[int]:
    """The agent's program, and the two of its box around it, where it has one."""
    found = {pid}
    for _ in range(_AROUND):
        with contextlib.suppress(OSError, ValueError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if _name(pid) == "bwrap" else []
            pid = int(children[0]) if children else pid  # the first one: others came later, or lost their parents
            found.add(pid)
    return found


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
