"""Let the radar look again when agents moved, and never more often than it can afford."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.tui.feed.facts import spent

if TYPE_CHECKING:
    from agentdeck.core.merging.radar import Mark, RadarReport

_REST = 3.0
"""Seconds at least between two looks."""
_SHARE = 20
"""The rest is at least so many times the processor time of the last look."""


class Scanner:
    """`moved` is called from one thread, `wait` and `scan` from another."""

    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._news, self._lock, self._over = threading.Event(), threading.Lock(), threading.Event()
        self._moved: set[str] = set()
        self._rest = 0.0
        self.report: RadarReport | None = None
        """What it found last; the same object for as long as that tells the same."""
        self.marks: dict[str, Mark] = {}
        """The worst that it says of each agent."""

    def moved(self, name: str) -> None:
        with self._lock:
            self._moved.add(name)
        self._news.set()

    def stop(self) -> None:
        self._over.set()
        self._news.set()
        self._deck.radar.cancel()

    def wait(self) -> bool:
        """Wait until there is something to look at; False when it is all over."""
        self._news.wait()
        return not self._over.wait(self._rest)

    def scan(self, views: Sequence[AgentView]) -> bool:
        """Look; return whether there is something new. What one look could not tell is asked for again by the next."""
        self._news.clear()
        with self._lock:
            moved, self._moved = self._moved, set()
        before = spent()
        try:
            report = self._deck.radar.rescan(views, None if self.report is None else moved)
        except BaseException:
            with self._lock:
                self._moved |= moved
            raise
        finally:
            self._rest = max(_REST, _SHARE * (spent() - before))
        if report.is_like(self.report):
            return False
        self.report = report
        self.marks = {name: mark for name in report.agents if (mark := report.worst(name)) is not None}
        return True
