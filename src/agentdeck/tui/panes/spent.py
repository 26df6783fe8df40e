"""Tokens and cost of one agent, as rows; none where nothing is known of any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentdeck.core.text.text import cut, pad, plain, short_count
from agentdeck.engine.providers.spending import Line, of_agent
from agentdeck.engine.world import World
from agentdeck.tui.look.look import sparkline
from agentdeck.tui.panes.rows import Piece

_HOURS = 24


@dataclass(frozen=True, slots=True)
class Spent:
    models: Sequence[Line] = ()
    """The dearest first."""
    hours: Sequence[float] = ()
    """Tokens of each of the last hours, oldest first."""


def spent_by(world: World, name: str, now: float) -> Spent:
    """Sum it up; takes as long as reading the agent's logs."""
    models: dict[str, Line] = {}
    hours = [0.0] * _HOURS
    for record in of_agent(world, name):
        line = models.setdefault(record.model or record.asked, Line(record.model or record.asked))
        line.add(record)
        ago = int((now - record.at) // 3600)
        if 0 <= ago < _HOURS:
            used = record.usage
            hours[_HOURS - 1 - ago] += used.input + used.output + used.cache_read + used.cache_write
    return Spent(sorted(models.values(), key=lambda line: (-line.cost, line.name)), hours)


def money_rows(spent: Spent, width: int) -> list[list[Piece]]:
    if not spent.models:
        return []
    cost = sum(line.cost for line in spent.models)
    rows: list[list[Piece]] = [[(f"  {'cost':<11}", "dim"), (f"{f'${cost:.2f}':>9}", "strong")]]
    if any(spent.hours):
        bars = sparkline(list(spent.hours), _HOURS, full=1.0)
        rows[0] += [("  ", ""), (bars, "bar"), (f"  tokens by hour, last {_HOURS} h", "dim")]
    rows += [[], [(f"  {'MODEL':<28}  {'REQ':>6}  {'IN':>6}  {'OUT':>6}  {'CACHED':>6}  {'COST':>8}", "dim")]]
    for line in spent.models:
        used = line.usage
        price = f"${line.cost:.2f}" if line.requests > line.unpriced else "–"
        counts = [line.requests, used.input + used.cache_write, used.output, used.cache_read]
        numbers = "  ".join(f"{short_count(count):>6}" for count in counts)
        rows.append([(f"  {pad(cut(plain(line.name) or '–', 28), 28)}  ", ""), (f"{numbers}  {price:>8}", "")])
    return rows
