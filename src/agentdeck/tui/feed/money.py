"""How the providers fare and what the agents have cost, as the gateway wrote it down; nothing where there is none."""

from __future__ import annotations

import time
from contextlib import suppress

from agentdeck.core.providers.serving import ProviderHealth
from agentdeck.engine.deck import Deck
from agentdeck.engine.providers import gateways
from agentdeck.errors import DeckError
from agentdeck.system.files.files import sign
from agentdeck.system.gateway.ledger import FILE, Ledger
from agentdeck.tui.feed.snapshot import Gateway

_WAL = f"{FILE}-wal"
_PACE = 2.0
_SHARE = 30
"""What agents on their own login cost is summed up again after so many times as long as the last sum took."""


class MoneyReader:
    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._seen: tuple[object, ...] = ()
        self._costs: dict[str, float] = {}
        self._today = 0.0
        self._own_seen: tuple[object, ...] = ()
        self._own: dict[str, tuple[float, float]] = {}
        self._own_at = 0.0

    def read(self) -> Gateway:
        """What there is to tell now; sums are made again only when the ledger grew, or the day is another."""
        with suppress(DeckError, OSError, ValueError, KeyError):
            self._count()
        with suppress(DeckError, OSError, ValueError, KeyError):
            self._count_own()
        budget = None
        with suppress(DeckError):
            budget = self._deck.config.budgets.day.money
        health: tuple[ProviderHealth, ...] = ()
        with suppress(DeckError, OSError, ValueError, KeyError):
            health = gateways.health(self._deck.world)
        return Gateway(tuple(sorted(health, key=lambda each: each.name)), self._all_costs(), self._all_today(), budget)

    def _all_costs(self) -> dict[str, float]:
        costs = dict(self._costs)
        for name, (cost, _) in self._own.items():
            costs[name] = costs.get(name, 0.0) + cost
        return costs

    def _all_today(self) -> float:
        return self._today + sum(today for _, today in self._own.values())

    def _count_own(self) -> None:
        """What agents on their own login cost; summed up again when one of them has taken more."""
        folder = self._deck.store.logs
        files = sorted(folder.glob("*.usage")) if folder.is_dir() else []
        seen = (_midnight(), *((path.name, sign(path)) for path in files))
        if seen == self._own_seen or time.monotonic() < self._own_at:
            return
        from agentdeck.engine.providers.spending import own_costs

        begun = time.monotonic()
        self._own = own_costs(self._deck.world, _midnight())
        self._own_at = time.monotonic() + max(_PACE, _SHARE * (time.monotonic() - begun))
        self._own_seen = seen

    def _count(self) -> None:
        state = gateways.files().state
        if not (state / FILE).exists():
            return
        midnight = _midnight()
        seen = (sign(state / FILE), sign(state / _WAL), midnight)
        if seen == self._seen:
            return
        with Ledger(state) as ledger:
            mine = [row for row in ledger.totals(("deck", "agent")) if row["deck"] == self._deck.name]
            today = [row for row in ledger.totals(("deck",), midnight) if row["deck"] == self._deck.name]
        self._costs = {row["agent"]: float(row["cost"]) for row in mine}
        self._today = sum(float(row["cost"]) for row in today)
        self._seen = seen


def _midnight() -> float:
    return time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1))
