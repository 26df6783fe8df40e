"""What the agents of a deck have cost so far, counted again only where something was added."""

from __future__ import annotations

import time
from contextlib import suppress

from agentdeck.core.providers.spent import Spent
from agentdeck.engine.providers import gateways
from agentdeck.engine.providers.own_usage import UsageFiles
from agentdeck.engine.providers.spending import OwnCost, own_costs
from agentdeck.engine.views.money import Costs
from agentdeck.engine.world import World
from agentdeck.errors import DeckError
from agentdeck.system.files.files import sign
from agentdeck.system.gateway.ledger import FILE, Ledger

_WAL = f"{FILE}-wal"
_SHARE = 20
"""What agents on their own login cost is summed up again after so many times as long as the last sum took."""


class CostCounter:
    """For one deck."""

    def __init__(self) -> None:
        self._seen: tuple[object, ...] = ()
        self._costs: dict[str, float] = {}
        self._today, self._tokens = 0.0, 0
        self._own_seen: tuple[object, ...] = ()
        self._own: dict[str, OwnCost] = {}
        self._files = UsageFiles()
        self._own_at = 0.0

    def count(self, world: World) -> Costs:
        """Raise nothing: of what can't be read, the last sums stand."""
        for part in (self._count, self._count_own):
            with suppress(DeckError, OSError, ValueError, KeyError):
                part(world)
        costs = dict(self._costs)
        for name, own in self._own.items():
            if own.cost is not None:
                costs[name] = costs.get(name, 0.0) + own.cost
        own_today = sum(own.today for own in self._own.values())
        own_tokens = sum(own.tokens for own in self._own.values())
        return Costs(costs, self._today + own_today, self._tokens + own_tokens)

    def _count(self, world: World) -> None:
        state, today = gateways.files().state, midnight()
        if not (state / FILE).exists():
            return
        seen = (sign(state / FILE), sign(state / _WAL), sign(world.store.folder / "agents"), today)
        if seen == self._seen:
            return
        with Ledger(state) as ledger:
            mine = {row["agent"]: row for row in ledger.totals(("deck", "agent")) if row["deck"] == world.deck}
            for agent in world.store.agents():
                if agent.name in mine and mine[agent.name]["first"] < agent.created:
                    # An agent of the same name was there before.
                    since = ledger.totals(("deck", "agent"), agent.created)
                    own = [row for row in since if (row["deck"], row["agent"]) == (world.deck, agent.name)]
                    mine[agent.name] = own[0] if own else {"cost": 0.0}
            rows = [row for row in ledger.totals(("deck",), today) if row["deck"] == world.deck]
        self._costs = {name: float(row["cost"]) for name, row in mine.items()}
        spent = Spent.of_rows(rows)
        self._today, self._tokens = spent.money, spent.tokens
        self._seen = seen

    def _count_own(self, world: World) -> None:
        """What agents on their own login cost; summed up again when one of them has taken more."""
        folder = world.store.logs
        files = sorted(folder.glob("*.usage")) if folder.is_dir() else []
        seen = (midnight(), *((path.name, sign(path)) for path in files))
        if seen == self._own_seen or time.monotonic() < self._own_at:
            return
        begun = time.monotonic()
        self._own = own_costs(world, midnight(), self._files)
        self._own_at = time.monotonic() + _SHARE * (time.monotonic() - begun)
        self._own_seen = seen


def midnight() -> float:
    return time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1))
