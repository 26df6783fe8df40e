"""Let the radar look again when agents moved, and never more often than it can afford."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.agent import State
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
    """`moved` and `check` are called from one thread, `wait` and `scan` from another."""

    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._news, self._lock, self._over = threading.Event(), threading.Lock(), threading.Event()
        self._moved: set[str] = set()
        self._rest = self._looked = 0.0
        self._signs: dict[str, Any] = {}
        """What each agent's git showed before the last look."""
        self.report: RadarReport | None = None
        """What it found last; the same object for as long as that tells the same."""
        self.marks: dict[str, Mark] = {}
        """The worst that it says of each agent."""
        self._unsure: frozenset[str] = frozenset()
        """Of whose marks it is not known whether they hold."""

    def marks_of(self, views: Sequence[AgentView]) -> dict[str, tuple[Mark, bool]]:
        """By name, what it said last of those that have something to land, and whether that held when `check` looked.
        Looks at nothing."""
        marks, unsure = self.marks, self._unsure
        return {
            view.name: (marks[view.name], view.name not in unsure)
            for view in views
            if view.name in marks and view.state is not State.LANDED
        }

    def check(self, views: Sequence[AgentView]) -> bool:
        """See without git whether the marks hold, and have those looked at again that may not. Return whether there is
        something new."""
        by_name, before = {view.name: view for view in views}, self._signs
        signs: dict[str, bool] = {}

        def rests(name: str) -> bool:
            if name not in signs:
                signs[name] = self._deck.radar.signs(by_name[name]) == before.get(name)
            return signs[name]

        unsure = frozenset(
            name
            for name, mark in self.marks.items()
            if name in by_name
            and by_name[name].state is not State.LANDED
            and mark.verdict != "clean"
            and not all(map(rests, {name, *mark.others} & by_name.keys()))
        )
        for name in unsure - self._unsure:
            self.moved(name)
        is_new, self._unsure = unsure != self._unsure, unsure
        return is_new

    def moved(self, name: str) -> None:
        with self._lock:
            self._moved.add(name)
        self._news.set()

    def stop(self) -> None:
        self._over.set()
        self._news.set()
        self._deck.radar.cancel()

    def wait(self) -> bool:
        """Wait until there is something to look at, and it may look again; False when it is all over."""
        self._news.wait()
        return not self._over.wait(max(0.0, self._looked + self._rest - time.monotonic()))

    def scan(self, views: Sequence[AgentView]) -> bool:
        """Look; return whether there is something new. What one look could not tell is asked for again by the next."""
        self._news.clear()
        with self._lock:
            moved, self._moved = self._moved, set()
        before, signs = spent(), {view.name: self._deck.radar.signs(view) for view in views}
        moved |= {name for name in signs if signs[name] != self._signs.get(name)}
        try:
            report = self._deck.radar.rescan(views, None if self.report is None else moved)
        except BaseException:
            with self._lock:
                self._moved |= moved
            if self._unsure:
                self._news.set()
            raise
        finally:
            self._rest, self._looked = max(_REST, _SHARE * (spent() - before)), time.monotonic()
        unsure, self._unsure, self._signs = self._unsure, frozenset[str](), signs
        if is_new := not report.is_like(self.report):
            self.report = report
            self.marks = {name: mark for name in report.agents if (mark := report.worst(name)) is not None}
        self.check(views)
        return is_new or self._unsure != unsure
