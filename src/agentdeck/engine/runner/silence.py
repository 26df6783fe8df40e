"""Whether an agent at work has given no sign of life for so long that its provider may hang.

A sign is a record in its transcript, output (at a screen: text that changes, beside the line that says that it works),
a tool that runs, and a process of its own that computes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agentdeck.core.agents.agent import Mode, State, Status
from agentdeck.core.agents.orders import Orders
from agentdeck.core.text.patterns import late
from agentdeck.system.machine.tree import Tree, cpu_seconds

_LOOKS = 10
"""How often it is looked at in the time that it may be silent."""
_AT_WORK = 0.05
"""The share of a processor from which on its processes, beside the program itself, are at work."""
_NUMBERS = late(r"\d+")


class Silence:
    def __init__(self, limit: float) -> None:
        """`limit` is in seconds; 0: it may be silent for ever."""
        self._limit = limit
        self._since = self._looked_at = self._next = 0.0
        self._screen, self._seconds = "", 0.0
        self._orders: Orders | None = None

    def launched(self, orders: Orders) -> None:
        """A program was started. Behind the gateway it has the gateway's own time limits."""
        watched = self._limit and orders.profile and orders.transcript.format and not orders.wired
        self._orders, self._since = (orders if watched else None), 0.0

    def heard(self) -> None:
        self._since = 0.0

    def output(self) -> None:
        if self._orders is not None and self._orders.mode is Mode.HEADLESS:
            self.heard()

    def tick(
        self, now: float, status: Status, tree: Tree, screen: Callable[[], str], *, runs_tool: bool
    ) -> tuple[bool, float | None]:
        """Whether it has been silent for too long, and when to look again; `now` is monotonic."""
        if self._orders is None:
            return False, None
        is_watched = status.state is State.WORKING or status.is_silent
        if not is_watched or runs_tool or not self._since:
            self._since = now
        elif now >= self._next:
            self._look(self._orders, now, tree, screen)
        if now >= self._next:
            self._next = now + self._limit / _LOOKS
        due = self._since + self._limit
        return now >= due, self._next if now >= due else min(self._next, due)

    def _look(self, orders: Orders, now: float, tree: Tree, screen: Callable[[], str]) -> None:
        seconds = cpu_seconds(tree.members() - {tree.session or 0})
        text = _still(screen(), orders.detectors.working) if orders.mode is Mode.INTERACTIVE else ""
        computes = seconds - self._seconds > _AT_WORK * (now - self._looked_at)
        if text != self._screen or computes:
            self._since = now
        self._screen, self._seconds, self._looked_at = text, seconds, now


def _still(screen: str, working: tuple[str, ...]) -> str:
    """The screen without what moves on it while nothing happens."""
    lines = [line for line in screen.splitlines() if not any(re.search(pattern, line) for pattern in working)]
    return _NUMBERS.sub("", "\n".join(lines))
