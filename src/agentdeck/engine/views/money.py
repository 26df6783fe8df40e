"""What agents spent, in US dollars."""

from __future__ import annotations

from collections.abc import Mapping

from agentdeck.core.frozen import dataclass, field
from agentdeck.core.providers.token_usage import Usage


@dataclass(frozen=True, slots=True)
class SpendingLine:
    """What one agent, model, tier, day or provider took."""

    name: str
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    """Of the requests whose price is known."""
    unpriced: int = 0
    """Requests whose price nobody knows."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Backups:
    """What others than the first of their tier served."""

    requests: int = 0
    cost: float = 0.0
    primary: float | None = 0.0
    """What the first of each tier would have cost; None where a price is not known."""
    unpriced: int = 0
    """Requests whose price nobody knows, which `cost` lacks."""

    @property
    def saved(self) -> float | None:
        """What that saved; less than 0 where it cost more. None where a price is not known."""
        return None if self.primary is None or self.unpriced else self.primary - self.cost


@dataclass(frozen=True, slots=True)
class Spending:
    lines: tuple[SpendingLine, ...]
    """The dearest first; days in their order."""
    total: SpendingLine
    dearest: tuple[str, float] | None
    """The dearest model of those used or configured, and what all would have cost with it."""
    deep_share: float
    """The part of the cost that the tier `deep` has."""
    deep_limit: float | None
    backups: Backups
    mistake: str
    """What is wrong with the configuration, whose prices and limits are then left out; else empty."""


@dataclass(frozen=True, slots=True)
class AgentSpending:
    """What one agent took."""

    models: tuple[SpendingLine, ...] = ()
    """The dearest first."""
    hours: tuple[float, ...] = ()
    """Tokens of each of the last 24 hours, oldest first."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of all agents, by the gateway's count or by what those on their own login wrote of their requests."""

    agents: Mapping[str, float] = field(default_factory=dict)
    """Of each agent that spent anything, in all its runs."""
    today: float = 0.0
    tokens: int = 0
    """Of all requests of today, prompt (cached or not) and answer, as budgets count them."""


@dataclass(frozen=True, slots=True)
class Purse:
    """What an agent that a person started, and all below it, may spend together."""

    owner: str
    spent: float
    limit: float | None
    """None: as much as it wants."""
    deck_spent: float
    """What all agents of the repository have cost."""
    deck_limit: float | None

    @property
    def spent_text(self) -> str:
        """Which budget is spent, as a sentence; empty where none is."""
        if self.limit is not None and self.spent >= self.limit:
            told = f"${self.spent:.2f} of ${self.limit:.2f}"
            return f"The budget of {self.owner} and the agents below it is spent: {told}."
        if self.deck_limit is not None and self.deck_spent >= self.deck_limit:
            return f"The repository's budget is spent: ${self.deck_spent:.2f} of ${self.deck_limit:.2f}."
        return ""
