"""Tokens and cost of one agent, as rows; none where nothing is known of any."""

from __future__ import annotations

from agentdeck.core.text.text import cut, pad, plain, short_count
from agentdeck.engine.views.money import AgentSpending
from agentdeck.tui.look.look import sparkline
from agentdeck.tui.panes.rows import Piece


def money_rows(spent: AgentSpending, width: int) -> list[list[Piece]]:
    if not spent.models:
        return []
    cost = sum(line.cost for line in spent.models)
    rows: list[list[Piece]] = [[(f"  {'cost':<11}", "dim"), (f"{f'${cost:.2f}':>9}", "strong")]]
    if any(spent.hours):
        bars = sparkline(list(spent.hours), len(spent.hours), full=1.0)
        rows[0] += [("  ", ""), (bars, "bar"), (f"  tokens by hour, last {len(spent.hours)} h", "dim")]
    rows += [[], [(f"  {'MODEL':<28}  {'REQ':>6}  {'IN':>6}  {'OUT':>6}  {'CACHED':>6}  {'COST':>8}", "dim")]]
    for line in spent.models:
        used = line.usage
        price = f"${line.cost:.2f}" if line.requests > line.unpriced else "–"
        counts = [line.requests, used.input + used.cache_write, used.output, used.cache_read]
        numbers = "  ".join(f"{short_count(count):>6}" for count in counts)
        rows.append([(f"  {pad(cut(plain(line.name) or '–', 28), 28)}  ", ""), (f"{numbers}  {price:>8}", "")])
    return rows
