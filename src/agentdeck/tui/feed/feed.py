"""Follow the deck in threads of its own and hand on what is new, as snapshots that never change.

One thread looks at the store whenever a file in it moves, and every few seconds all the same. A second one asks git and
/proc, one question at a time: it may be slow without the first one being late. A third is the radar's. None of them
ever ends by an error.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from agentdeck.core.providers.serving import ProviderHealth
from agentdeck.core.text.text import listed, plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.errors import DeckError
from agentdeck.tui.feed.facts import FactFinder
from agentdeck.tui.feed.scanner import Scanner
from agentdeck.tui.feed.snapshot import SHOWN_SAMPLES, FeedSnapshot, GatewayFacts, Load, Machine, Row
from agentdeck.tui.look.telling import sentence

_PACE, _LOOK_SHARE = 0.1, 5
"""Seconds between two looks: at least, and as a multiple of the processor time of one. What an agent prints moves files
all the time."""
_LOOK_EVERY, _LOOK_EACH = 2.0, 0.1
"""Seconds between two looks that nothing gave a reason for: at least, and for every agent."""
_USAGE_EVERY = 5.0
"""Seconds between two samples of CPU and memory; each walks the whole process table."""
_USAGE_SHARE = 500
"""A sample may take one part in so many of the time."""
_BASE_EVERY = 30.0
_REPAIR_EVERY = 5.0
_MONEY_EVERY = 5.0
_MONEY_SOON = 0.4
"""The same after an agent has taken more."""

Post = Callable[[FeedSnapshot], None]


class Feed:
    """Calls `post`, from its own thread, with every snapshot that differs from the one before."""

    def __init__(self, deck: Deck, post: Post) -> None:
        self._deck, self._post = deck, post
        self._finder, self._scanner = FactFinder(deck), Scanner(deck)
        self._over, self._news = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._views: list[AgentView] = []
        self._unreadable: tuple[str, ...] = ()
        """What of the deck can't be read, one sentence each."""
        self._loads: dict[str, Load] = {}
        self._base = ""
        self._repair_problem = ""
        self._waiting = ""
        """What of the configuration is not approved, in a sentence."""
        self._gateway = GatewayFacts()
        self._gate: bool | None = None
        self._last: FeedSnapshot | None = None

    def first(self) -> FeedSnapshot:
        """Read the store here and now, for the first paint; before `start`."""
        views = self._read()
        with self._lock:
            self._views = views
            self._last = self._snapshot()
        return self._last

    def start(self) -> None:
        for target in (self._look_on, self._ask_on, self._scan_on, self._follow_hosts_on):
            # Daemons: one may be in the middle of a slow question when the program ends.
            threading.Thread(target=target, name=f"feed-{target.__name__}", daemon=True).start()

    def stop(self) -> None:
        """Let the threads end by themselves; nothing is posted any more."""
        self._over.set()
        self._news.set()
        self._scanner.stop()

    def _follow_hosts_on(self) -> None:
        """Keep the agents on other hosts as they are there; what changes is in the store, where it is seen."""
        self._deck.fleet.follow(self._over)

    # The store

    def _look_on(self) -> None:
        while not self._over.is_set():
            try:
                for _ in self._deck.watching.deck(self._names, every=_look_every(self._views), step=_PACE):
                    begun = time.thread_time()
                    self._look()
                    if self._over.wait(max(_PACE, (time.thread_time() - begun) * _LOOK_SHARE)):
                        return
            except Exception:  # noqa: BLE001 - a folder was taken away, or there are no more watches to be had
                self._look()
                self._over.wait(1.0)

    def _names(self) -> list[str]:
        return [view.name for view in self._views]

    def _look(self) -> None:
        views = self._read()
        with self._lock:
            changed = views != self._views
            self._views = views
        self._publish()
        if changed:
            self._news.set()

    def _read(self) -> list[AgentView]:
        try:
            views = self._deck.agents()
        except Exception as error:  # noqa: BLE001 - whatever the store has become, the dashboard lives on
            self._unreadable = (sentence(error),)
            return []
        self._unreadable = tuple(sentence(view.damaged) for view in views if view.damaged is not None)
        return views

    def _snapshot(self) -> FeedSnapshot:
        gateway = self._gateway
        radar, marks = self._scanner.report, self._scanner.marks_of(self._views)
        rows = tuple(
            Row(
                view,
                self._finder.facts.get(view.name),
                self._loads.get(view.name),
                gateway.costs.get(view.name),
                *marks.get(view.name, (None, True)),
            )
            for view in self._views
        )
        problems = tuple(filter(None, (*self._unreadable, self._repair_problem, self._waiting)))
        return FeedSnapshot(rows, self._base, _machine(), radar, gateway, problems, self._gate)

    def _publish(self) -> None:
        # All in the lock, so that an older snapshot never comes after a newer one.
        with self._lock:
            snapshot = self._snapshot()
            if snapshot == self._last or self._over.is_set():
                return
            self._last = snapshot
            with suppress(Exception):  # the app may have ended this very moment
                self._post(snapshot)

    # Git and /proc

    def _ask_on(self) -> None:
        usage_due, base_due, repair_due, money_due, facts_due = 0.5, 0.0, 0.0, 0.0, 0.0
        taken: list[int] = []
        begun = time.monotonic()
        while not self._over.is_set():
            now = time.monotonic() - begun
            with self._lock:
                views = list(self._views)
            with suppress(Exception):  # an answer that fails to come is asked for again
                if now >= base_due:
                    base_due = now + _BASE_EVERY
                    self._base = plain(self._deck.choices.base()) or "detached HEAD"
                    self._publish()
                if (waiting := _waiting(self._deck)) != self._waiting:
                    self._waiting = waiting
                    self._publish()
                if now >= repair_due and any(_needs_repair(view) for view in views):
                    repair_due = now + _REPAIR_EVERY
                    self._repair()
                if taken != (taken := _taken(views)):
                    money_due = min(money_due, now + _MONEY_SOON)
                if now >= money_due and self._deck.is_used:
                    money_due = now + _MONEY_EVERY
                    self._gateway = _gateway_of(self._deck)
                    self._gate = self._deck.landings.last_gate()
                    self._publish()
                if now >= usage_due:
                    usage_due = now + max(_USAGE_EVERY, self._sample(views) * _USAGE_SHARE)
                if now >= facts_due and (due := self._next(views)) is not None:
                    self._finder.compute(due)
                    self._scanner.moved(due.name)
                    self._scanner.check(views)
                    self._publish()
                    continue
            pause = _look_every(views)
            moved = self._news.wait(min(pause, money_due - now) if money_due > now else pause)
            self._news.clear()
            if moved or now >= facts_due:
                facts_due = 0.0 if moved else now + pause

    def _next(self, views: list[AgentView]) -> AgentView | None:
        """The agent that git is to be asked about next. It looks at ten files of each."""
        if self._finder.forget_all_but({view.name for view in views}):
            self._scanner.moved("")
        if self._scanner.check(views):
            self._publish()
        return self._finder.due(views)

    # The radar

    def _scan_on(self) -> None:
        while not self._over.is_set():
            if self._scanner.wait():
                with self._lock:
                    views = list(self._views)
                with suppress(Exception):  # it looks again when the next one moves
                    if self._scanner.scan(views):
                        self._publish()

    def _repair(self) -> None:
        problem = ""
        try:
            self._deck.repair()
        except (DeckError, OSError) as error:
            problem = f"Not everything could be repaired: {sentence(error)}"
        self._repair_problem = problem

    def _sample(self, views: list[AgentView]) -> float:
        """Take one sample of all agents; return the seconds of processor time that it took."""
        begun = time.thread_time()
        used = self._deck.processes.sample(views)
        with self._lock:
            before = self._loads
            self._loads = {}
            for name, usage in used.items():
                old = before.get(name, Load())
                cpu = (*old.history, usage.cpu_percent)[-SHOWN_SAMPLES:]
                memory = (*old.memory_history, float(usage.rss_bytes))[-SHOWN_SAMPLES:]
                self._loads[name] = Load(usage.cpu_percent, usage.rss_bytes, cpu, memory)
        self._publish()
        return time.thread_time() - begun


def _look_every(views: Sequence[AgentView]) -> float:
    return max(_LOOK_EVERY, _LOOK_EACH * len(views))


def _taken(views: Sequence[AgentView]) -> list[int]:
    """How many requests each agent has made, by its CLI's transcript."""
    return [view.activity.requests if view.activity is not None else 0 for view in views]


def _machine() -> Machine:
    return Machine(round(os.getloadavg()[0]), os.cpu_count() or 1)


def _needs_repair(view: AgentView) -> bool:
    """A look at what is known already; `Deck.repair` looks closer. A start of another process is not for us."""
    return (view.state.is_live and not view.alive) or view.branch != view.recorded_branch


def _waiting(deck: Deck) -> str:
    try:
        keys = [change.key for change in deck.trust.standing().changes]
    except DeckError:
        return ""  # each deed tells what is wrong with the configuration
    return plain(f"Not approved, so not used: {listed(keys, 3)}. Press {{deck.trust}} to review it.") if keys else ""


def _gateway_of(deck: Deck) -> GatewayFacts:
    """How the providers fare and what the agents have cost; nothing of what can't be read."""
    budget, health, costs = None, tuple[ProviderHealth, ...](), deck.providers.costs()
    with suppress(DeckError):
        budget = deck.config.budgets.day.money
    with suppress(DeckError, OSError, ValueError, KeyError):
        health = deck.providers.health()
    meters = tuple(deck.accounts.metered())
    providers = tuple(sorted(health, key=lambda each: each.name))
    return GatewayFacts(providers, costs.agents, costs.today, budget, costs.tokens, meters)
