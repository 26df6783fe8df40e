"""What may still be spent: asked before a request is sent, told after it ended.

An agent's first request passes while its budgets are not spent. A further one beside it passes only if all those under
way, at the most they can cost, leave room for it; else it waits. So a budget is passed by one request an agent at most.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.providers.spent import Spent
from agentdeck.core.providers.token_usage import Usage
from agentdeck.system.gateway import pricing
from agentdeck.system.gateway.ledger import Ledger, LedgerRecord
from agentdeck.system.gateway.tokens import Bearer

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import BudgetsConfig, Limit, Plan
    from agentdeck.core.providers.tiers import Target

OUTPUT_MAX = 128_000
"""Tokens of an answer where the request names no limit."""
_LOOK_AGAIN = 1.0
"""Seconds after which a waiting request looks again, for the configuration may have changed."""

Scope = tuple[str, ...]
"""`("agent", DECK, AGENT)`, of an agent and those that it started; `("deck", DECK)` or `("day", DECK, DATE)`."""


class Budgets:
    """One for the whole process; what was spent before it began comes from the ledger."""

    def __init__(self, ledger: Ledger, tell: Callable[[Event], None]) -> None:
        self._tell, self._ledger = tell, ledger
        self._spent: defaultdict[Scope, Spent] = defaultdict(Spent)
        self._flying: defaultdict[Scope, Spent] = defaultdict(Spent)
        self._tickets: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._told: dict[Scope, int] = {}
        self._purses: dict[tuple[str, str], str] = {}
        """Out of whose budget an agent that another one started is paid."""
        self._made: dict[tuple[str, str], float] = {}
        """When the agent was made whose spending counts."""
        self._ended = asyncio.Event()
        for row in ledger.totals(("deck", "agent", "day")):
            spent = Spent.of_row(row)
            for scope in (
                ("agent", row["deck"], row["agent"]),
                ("deck", row["deck"]),
                ("day", row["deck"], row["day"]),
            ):
                self._spent[scope].add(spent)

    async def admit(self, bearer: Bearer, at: float, rules: Callable[[], BudgetsConfig], most: Spent) -> str:
        """Wait until the request that came `at` that time, in seconds since the epoch, may be sent and count it as
        under way, or say which budget is spent."""
        who = (bearer.deck, bearer.agent)
        self._learn(bearer)
        while True:
            scopes = list(_scopes(bearer, at, rules()))
            reason = next((_said(scope) for scope, limit in scopes if self._spent[scope].share(limit) >= 1.0), "")
            if reason:
                return reason
            if not self._tickets[who] or all(self._leaves_room(scope, limit, most) for scope, limit in scopes):
                self._tickets[who] += 1
                self._fly(bearer, at, most, 1)
                return ""
            self._ended.clear()
            try:
                async with asyncio.timeout(_LOOK_AGAIN):
                    await self._ended.wait()
            except TimeoutError:
                continue

    def _learn(self, bearer: Bearer) -> None:
        """Count what the agent itself took, by the ledger, and not what an earlier one of its name did. Where another
        agent pays, it comes out of that one's budget."""
        who = (bearer.deck, bearer.agent)
        if bearer.made > self._made.get(who, 0.0):
            self._made[who] = bearer.made
            self._purses.pop(who, None)
            paid = {name for (deck, name), purse in self._purses.items() if (deck, purse) == who}
            spent = Spent()
            for name in (bearer.agent, *paid):
                spent.add(self._since(bearer.deck, name, max(bearer.made, self._made.get((bearer.deck, name), 0.0))))
            self._spent["agent", *who] = spent
        if bearer.purse and who not in self._purses:
            self._purses[who] = bearer.purse
            self._spent["agent", bearer.deck, bearer.purse].add(self._spent.pop(("agent", *who), Spent()))

    def _since(self, deck: str, agent: str, since: float) -> Spent:
        rows = self._ledger.totals(("deck", "agent"), since)
        return next((Spent.of_row(row) for row in rows if (row["deck"], row["agent"]) == (deck, agent)), Spent())

    def ended(self, bearer: Bearer, at: float, most: Spent) -> None:
        """An admitted request is over; what it cost was added before, to the day on which it came."""
        self._tickets[bearer.deck, bearer.agent] -= 1
        self._fly(bearer, at, most, -1)
        self._ended.set()

    def add(self, record: LedgerRecord, rules: BudgetsConfig) -> None:
        """Count what a request took, and tell when a budget is nearly or wholly spent."""
        spent = Spent(record.cost or 0.0, record.usage.total)
        bearer = Bearer(record.deck, record.agent, record.tier, self._purses.get((record.deck, record.agent), ""))
        for scope in _every_scope(bearer, record.at):
            self._spent[scope].add(spent)
        for scope, limit in _scopes(bearer, record.at, rules):
            share = self._spent[scope].share(limit)
            stage = 2 if share >= 1.0 else 1 if share >= rules.warn_at else 0
            if stage > self._told.get(scope, 0):
                self._tell_stage(scope, stage, bearer, self._spent[scope], limit, rules)
            self._told[scope] = stage

    def _tell_stage(
        self, scope: Scope, stage: int, bearer: Bearer, spent: Spent, limit: Limit, rules: BudgetsConfig
    ) -> None:
        share = spent.share(limit)
        data = {"deck": bearer.deck, "scope": scope[0], "money": round(spent.money, 6), "tokens": spent.tokens}
        if stage == 1:
            text = f"{share:.0%} of {_name(scope)} is spent"
            self._tell(Event(EventKind.BUDGET_WARNED, bearer.agent, text, data))
            return
        then = {"local": "the tier “local” serves now", "pause": "it is paused", "stop": "it is stopped"}
        text = f"{_said(scope)}; {then[rules.at_limit]}"
        self._tell(Event(EventKind.BUDGET_REACHED, bearer.agent, text, {**data, "act": rules.at_limit}))

    def _leaves_room(self, scope: Scope, limit: Limit, most: Spent) -> bool:
        total = Spent()
        for part in (self._spent[scope], self._flying[scope], most):
            total.add(part)
        return total.share(limit) <= 1.0

    def _fly(self, bearer: Bearer, at: float, most: Spent, sign: int) -> None:
        for scope in _every_scope(bearer, at):
            self._flying[scope].add(most, sign)


def most_of(body: bytes, document: dict[str, object], targets: Sequence[Target], plan: Plan, asked: str) -> Spent:
    """What the request can cost at most, whoever of `targets` serves it: a token has at least one byte.

    A model without a price counts as nothing here as it does afterwards; its tokens count.
    """
    named = [document.get(key) for key in ("max_tokens", "max_completion_tokens", "max_output_tokens")]
    output = next((value for value in named if isinstance(value, int) and value > 0), OUTPUT_MAX)
    # Which of the three the prompt turns out to be, only the answer tells.
    prompts = ({"input": len(body)}, {"cache_read": len(body)}, {"cache_write": len(body)})
    costs = [
        pricing.cost(Usage(output=output, **prompt), target.model or asked, plan.providers.get(target.provider))
        for target in targets
        for prompt in prompts
    ]
    return Spent(max((cost or 0.0 for cost in costs), default=0.0), len(body) + output)


def _every_scope(bearer: Bearer, at: float) -> tuple[Scope, Scope, Scope]:
    day = time.strftime("%Y-%m-%d", time.localtime(at))
    return ("agent", bearer.deck, bearer.purse or bearer.agent), ("deck", bearer.deck), ("day", bearer.deck, day)


def _scopes(bearer: Bearer, at: float, rules: BudgetsConfig) -> Iterator[tuple[Scope, Limit]]:
    for scope, limit in zip(_every_scope(bearer, at), (rules.agent, rules.deck, rules.day), strict=True):
        if limit.money is not None or limit.tokens is not None:
            yield scope, limit


def _name(scope: Scope) -> str:
    return {"agent": "the agent's budget", "deck": "the repository's budget", "day": "today's budget"}[scope[0]]


def _said(scope: Scope) -> str:
    return f"{_name(scope)} is spent" + (" until 00:00" if scope[0] == "day" else "")
