"""What agents spent: from the gateway's ledger, and from the results of those that asked their provider themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from agentdeck.core.frozen import replace
from agentdeck.core.providers.tiers import parse_target
from agentdeck.core.providers.token_usage import Usage
from agentdeck.engine.providers import gateways
from agentdeck.engine.providers.own_usage import UsageFiles, own_records
from agentdeck.engine.views.money import AgentSpending, Backups, Spending, SpendingLine
from agentdeck.engine.world import World
from agentdeck.errors import ConfigError
from agentdeck.system.gateway import pricing
from agentdeck.system.gateway.ledger import FILE, Ledger, LedgerRecord

if TYPE_CHECKING:
    from agentdeck.core.config.config import Config

DEEP = "deep"


_HOURS = 24


def spending(world: World, by: str, since: float = 0.0) -> Spending:
    """What this deck's agents took since `since`, grouped by `agent`, `model`, `tier`, `day` or `provider`."""
    config, mistake = _configuration(world)
    lines: dict[str, SpendingLine] = {}
    total, deep, backups = SpendingLine("total"), SpendingLine(DEEP), Backups()
    used: set[tuple[str, str]] = set()
    for record in _records(world, since):
        name = _key(record, by)
        lines[name] = _with(lines.get(name) or SpendingLine(name), record)
        total = _with(total, record)
        deep = _with(deep, record) if record.tier == DEEP else deep
        if record.provider:
            used.add((record.provider, record.model))
            backups = _with_backup(backups, record)
    order = sorted(lines.values(), key=lambda line: (0.0 if by == "day" else -line.cost, line.name))
    share = deep.cost / total.cost if total.cost else 0.0
    dearest = _dearest(config, used, total.usage)
    return Spending(tuple(order), total, dearest, share, config.budgets.deep_share, backups, mistake)


def _configuration(world: World) -> tuple[Config, str]:
    """It, or the defaults and what is wrong with it."""
    try:
        return world.safe_settings.config, ""
    except ConfigError as error:
        from agentdeck.core.config.config import Config

        return Config(), error.title


def _with_backup(backups: Backups, record: LedgerRecord) -> Backups:
    """With a request that another than the first of its tier served, as the tier was then."""
    if not record.first:
        return backups
    unknown = record.first_cost is None or backups.primary is None
    primary = None if unknown else (backups.primary or 0.0) + (record.first_cost or 0.0)
    unpriced = backups.unpriced + (record.cost is None)
    return Backups(backups.requests + 1, backups.cost + (record.cost or 0.0), primary, unpriced)


def agent_spending(world: World, name: str, now: float) -> AgentSpending:
    """What one agent took; reads its logs, which may take seconds."""
    models: dict[str, SpendingLine] = {}
    hours = [0.0] * _HOURS
    for record in of_agent(world, name):
        model = record.model or record.asked
        models[model] = _with(models.get(model) or SpendingLine(model), record)
        ago = int((now - record.at) // 3600)
        if 0 <= ago < _HOURS:
            hours[_HOURS - 1 - ago] += record.usage.total
    return AgentSpending(tuple(sorted(models.values(), key=lambda line: (-line.cost, line.name))), tuple(hours))


def of_agent(world: World, name: str, since: float = 0.0) -> Iterator[LedgerRecord]:
    """What one agent took since `since`, request by request; reads its logs, which may take seconds. What an earlier
    agent of the same name took is not its own."""
    agent = world.store.agent(name)
    since = max(since, agent.created if agent else 0.0)
    return (record for record in _records(world, since, name) if record.agent == name)


class OwnCost(NamedTuple):
    """What one agent cost of which the gateway knows nothing."""

    cost: float | None = None
    """None where no price is known."""
    today: float = 0.0
    tokens: int = 0
    """Of today."""


def own_costs(world: World, since: float, files: UsageFiles | None = None) -> dict[str, OwnCost]:
    """By agent; `since` is when today began."""
    found: dict[str, OwnCost] = {}
    made = {agent.name: agent.created for agent in world.store.agents()}
    for record in own_records(world, 0.0, _served(world), files=files):
        total, today, tokens = found.get(record.agent, OwnCost())
        if record.cost is not None and record.at >= made.get(record.agent, 0.0):
            total = (total or 0.0) + record.cost
        if record.at >= since:
            today += record.cost or 0.0
            tokens += record.usage.total
        found[record.agent] = OwnCost(total, today, tokens)
    return found


def _served(world: World) -> Callable[[str], list[float]]:
    """When the gateway served an agent, in order; read when it is first asked."""
    times: list[dict[str, list[float]]] = []

    def served(agent: str) -> list[float]:
        if not times:
            times.append(_times(world))
        return times[0].get(agent, [])

    return served


def _times(world: World) -> dict[str, list[float]]:
    """When the gateway served each agent."""
    state = gateways.files().state
    if not (state / FILE).exists():
        return {}
    with Ledger(state) as ledger:
        return ledger.times(world.deck)


def _with(line: SpendingLine, record: LedgerRecord) -> SpendingLine:
    return replace(
        line,
        requests=line.requests + 1,
        usage=line.usage + record.usage,
        cost=line.cost + (record.cost or 0.0),
        unpriced=line.unpriced + (record.cost is None and record.provider != ""),
        seconds=line.seconds + record.seconds,
    )


def _key(record: LedgerRecord, by: str) -> str:
    if by == "day":
        return time.strftime("%Y-%m-%d", time.localtime(record.at))
    return str(getattr(record, by)) or "–"


def _records(world: World, since: float, only: str = "") -> Iterator[LedgerRecord]:
    state = gateways.files().state
    if (state / FILE).exists():
        with Ledger(state) as ledger:
            yield from (record for record in ledger.records(since) if record.deck == world.deck)
    # Not of `since` alone: what the gateway began to serve before it may stand in a transcript after it.
    yield from own_records(world, since, _served(world), only)


def at_deepest(world: World, usage: Usage) -> tuple[str, float] | None:
    """The model that leads the tier `deep`, and what `usage` costs with it; None where nobody knows."""
    config = world.safe_settings.config
    chain = config.tiers.get(DEEP, ())
    if isinstance(chain, str) or not chain:
        return None
    target = parse_target(chain[0])
    cost = pricing.cost(usage, target.model, config.providers.get(target.provider)) if target.model else None
    return None if cost is None else (str(target), cost)


def _dearest(config: Config, used: set[tuple[str, str]], usage: Usage) -> tuple[str, float] | None:
    steps = [step for chain in config.tiers.values() if not isinstance(chain, str) for step in chain]
    targets = [parse_target(step) for step in steps]
    models = used | {(target.provider, target.model) for target in targets if target.model}
    costs = [(pricing.cost(usage, model, config.providers.get(name)), model) for name, model in models if model]
    known = [(cost, model) for cost, model in costs if cost is not None]
    if not known:
        return None
    cost, model = max(known)
    return model, cost
