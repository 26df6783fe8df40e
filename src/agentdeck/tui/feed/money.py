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


class MoneyReader:
    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._seen: tuple[object, ...] = ()
        self._costs: dict[str, float] = {}
        self._today = 0.0

    def read(self) -> Gateway:
        """What there is to tell now; sums are made again only when the ledger grew, or the day is another."""
        with suppress(DeckError, OSError, ValueError, KeyError):
            self._count()
        budget = None
        with suppress(DeckError):
            budget = self._deck.config.budgets.day.money
        health: tuple[ProviderHealth, ...] = ()
        with suppress(DeckError, OSError, ValueError, KeyError):
            health = gateways.health(self._deck.world)
        return Gateway(tuple(sorted(health, key=lambda each: each.name)), dict(self._costs), self._today, budget)

    def _count(self) -> None:
        state = gateways.files().state
        if not (state / FILE).exists():
            return
        midnight = time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1))
        seen = (sign(state / FILE), sign(state / _WAL), midnight)
        if seen == self._seen:
            return
        with Ledger(state) as ledger:
            mine = [row for row in ledger.totals(("deck", "agent")) if row["deck"] == self._deck.name]
            today = [row for row in ledger.totals(("deck",), midnight) if row["deck"] == self._deck.name]
        self._costs = {row["agent"]: float(row["cost"]) for row in mine}
        self._today = sum(float(row["cost"]) for row in today)
        self._seen = seen
