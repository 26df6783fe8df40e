"""What agents spent: from the gateway's ledger, and from the results of those that asked their provider themselves."""

from __future__ import annotations

import bisect
import calendar
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentdeck.core.config.config import Config
from agentdeck.core.providers.own_results import MARKS, OwnResult, read_result
from agentdeck.core.providers.tiers import parse_target
from agentdeck.core.providers.token_usage import Usage
from agentdeck.engine.providers import gateways
from agentdeck.engine.world import World
from agentdeck.errors import ConfigError
from agentdeck.system.files.files import from_json
from agentdeck.system.gateway import pricing
from agentdeck.system.gateway.ledger import FILE, Ledger, Record
from agentdeck.system.state import logs
from agentdeck.system.state.store import usage_file

DEEP = "deep"
OWN = "own login"
"""The provider of an agent that the gateway knew nothing of."""
_LATE = 5.0
"""Seconds by which the gateway's clock for a request may be after the transcript's."""


@dataclass(slots=True)
class Line:
    """What one agent, model, tier, day or provider took."""

    name: str
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    """In US dollars, of the requests whose price is known."""
    unpriced: int = 0
    """Requests whose price nobody knows."""
    seconds: float = 0.0

    def add(self, record: Record) -> None:
        used, more = self.usage, record.usage
        self.requests += 1
        self.usage = Usage(
            used.input + more.input,
            used.output + more.output,
            used.cache_read + more.cache_read,
            used.cache_write + more.cache_write,
        )
        self.cost += record.cost or 0.0
        self.unpriced += record.cost is None and record.provider != ""
        self.seconds += record.seconds


@dataclass(frozen=True, slots=True)
class Spending:
    lines: list[Line]
    """The dearest first; days in their order."""
    total: Line
    dearest: tuple[str, float] | None
    """The dearest model of those used or configured, and what all would have cost with it."""
    deep_share: float
    """The part of the cost that the tier `deep` has."""
    deep_limit: float | None
    mistake: str
    """What is wrong with the configuration, whose prices and limits are then left out; else empty."""


def spending(world: World, by: str, since: float = 0.0) -> Spending:
    """What this deck's agents took since `since`, grouped by `agent`, `model`, `tier`, `day` or `provider`."""
    lines: dict[str, Line] = {}
    total, deep = Line("total"), Line(DEEP)
    used: set[tuple[str, str]] = set()
    for record in _records(world, since):
        name = _key(record, by)
        for line in (lines.setdefault(name, Line(name)), total, *((deep,) if record.tier == DEEP else ())):
            line.add(record)
        if record.provider:
            used.add((record.provider, record.model))
    order = sorted(lines.values(), key=lambda line: (0.0 if by == "day" else -line.cost, line.name))
    share = deep.cost / total.cost if total.cost else 0.0
    config, mistake = Config(), ""
    try:
        config = world.safe_settings.config
    except ConfigError as error:
        mistake = error.title
    dearest = _dearest(config, used, total.usage)
    return Spending(order, total, dearest, share, config.budgets.deep_share, mistake)


def of_agent(world: World, name: str, since: float = 0.0) -> Iterator[Record]:
    """What one agent took since `since`, request by request; reads its logs, which may take seconds."""
    return (record for record in _records(world, since, name) if record.agent == name)


def _key(record: Record, by: str) -> str:
    if by == "day":
        return time.strftime("%Y-%m-%d", time.localtime(record.at))
    return str(getattr(record, by)) or "–"


def _records(world: World, since: float, only: str = "") -> Iterator[Record]:
    state, times = gateways.files().state, defaultdict[str, list[float]](list)
    if (state / FILE).exists():
        with Ledger(state) as ledger:
            for record in ledger.records(since):
                if record.deck == world.deck:
                    times[record.agent].append(record.at)
                    yield record
    yield from _own(world, since, times, only)


def _own(world: World, since: float, seen: dict[str, list[float]], only: str) -> Iterator[Record]:
    """What runs took of which the gateway knows nothing; those of one agent where `only` names it.

    A request is counted once, in however many transcripts it is: a session that is forked begins with the old one.
    """
    told: set[str] = set()
    for path in sorted((world.store.folder / "logs").glob("*.log")):
        agent, begun = _run_of(path)
        if not agent or (only and agent != only):
            continue
        usage, times = usage_file(path), seen.get(agent, [])
        if usage.exists():
            found = _in_transcript(usage, begun, times, told)
        elif path.stat().st_mtime >= since:
            found = _in_log(path, since, begun, times)
        else:
            continue
        record = world.store.agent(agent)
        tier = record.tier if record else ""
        for at, result in found:
            if at < since:
                continue
            cost = result.cost
            if cost is None and result.model:
                cost = pricing.published(result.usage, result.model)
            yield Record(
                at,
                world.deck,
                agent,
                tier,
                "",
                result.model,
                OWN,
                result.model,
                "ok",
                usage=result.usage,
                attempts=1,
                cost=cost,
            )


def _in_transcript(path: Path, begun: float, times: list[float], told: set[str]) -> Iterator[tuple[float, OwnResult]]:
    """What the requests of a run took, by what its CLI wrote of them. Where it was pointed at the gateway, they count
    only if the gateway saw none of them: the CLI's own settings led elsewhere."""
    requests: dict[str, dict[str, Any]] = {}
    for line in path.read_bytes().splitlines():
        try:
            fields = from_json(line)
            requests[fields["key"]] = fields
        except (ValueError, TypeError, KeyError):
            continue
    last = max((fields["at"] for fields in requests.values()), default=0.0)
    by_gateway = _any_between(times, begun, last + _LATE)
    for key, fields in requests.items():
        if key in told or (fields["wired"] and by_gateway):
            continue
        told.add(key)
        counts = (fields[name] for name in ("input", "output", "cache_read", "cache_write"))
        yield fields["at"], OwnResult(fields["model"], Usage(*counts), None)


def _in_log(path: Path, since: float, begun: float, times: list[float]) -> Iterator[tuple[float, OwnResult]]:
    """What a headless run printed of its use, where its CLI has no transcript that is known."""
    for line in logs.read_log(path, since):
        if any(mark in line.text for mark in MARKS) and not _any_between(times, begun, line.at):
            for result in read_result(line.text):
                yield line.at, result


def _any_between(times: list[float], start: float, end: float) -> bool:
    """Whether one of `times`, which are in order, is among these."""
    at = bisect.bisect_left(times, start)
    return at < len(times) and times[at] <= end


def _run_of(path: Path) -> tuple[str, float]:
    """The agent of a log and when its run began, from the file's name (`Store.new_log`)."""
    agent, _, rest = path.stem.rpartition("-")[0].rpartition("-")
    try:
        return agent, float(calendar.timegm(time.strptime(rest, "%Y%m%dT%H%M%S")))
    except ValueError:
        return "", 0.0


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
