"""An agent as JSON and as a row of a table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agentdeck.cli.output import DIM, RED, YELLOW, Cell, Output, TableColumn, state_cell
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain

if TYPE_CHECKING:
    from agentdeck.engine.views import AgentView
    from agentdeck.engine.views.accounts import AccountMeter
    from agentdeck.engine.views.radar import KnownMark

MARK_STYLES = {"clean": DIM, "touches": YELLOW, "conflicts": RED}

_LITTLE = 0.2
"""How much is left of a limit that is near."""

_COLUMNS = [
    TableColumn("STATE", 10),
    TableColumn("NAME", 8),
    TableColumn("PROFILE", 6),
    TableColumn("HOST", 4),
    TableColumn("BRANCH", 6),
    TableColumn("AGE", 3),
    TableColumn("RADAR", 9),
    TableColumn("PR", 6),
    TableColumn("REASON", 10),
]


def telling_reason(view: AgentView) -> str:
    """The reason, where it says more than the state does, and what waits for it; first of all what is wrong with its
    worktree."""
    reason = view.trouble or ("" if view.reason == view.state else view.reason)
    return "; ".join(filter(None, (reason, view.messages_text)))


def pull_cell(view: AgentView) -> Cell:
    """Its pull request; empty for none."""
    if view.pull is None:
        return Cell("")
    style = RED if view.pull.failed or view.pull.needs else YELLOW if view.pull.conflicts else DIM
    return Cell(view.pull.short, style if view.pull.state == "open" else DIM)


def reason_part(view: AgentView) -> str:
    """The reason as the end of a sentence."""
    reason = plain(telling_reason(view))
    return f": {reason}" if reason else ""


def mark_cell(known: KnownMark | None, now: float) -> Cell:
    """What the radar last said of an agent, in a few words; where that may have changed, how long ago it was."""
    if known is None or (known.mark.verdict == "clean" and not known.holds):
        return Cell("")
    first, *rest = known.mark.others or ("",)
    text = f"{known.mark.verdict.glyph} {known.mark.verdict}"
    if known.mark.verdict != "clean":
        text += f" {first}" + (f" +{len(rest)}" if rest else "")
    if not known.holds:
        return Cell(f"{text} ({short_duration(now - known.at)} ago)", DIM)
    return Cell(text, MARK_STYLES[known.mark.verdict])


def print_agents(out: Output, views: Sequence[AgentView], marks: Mapping[str, KnownMark] | None = None) -> None:
    now, marks = time.time(), marks or {}
    rows = [
        [
            state_cell(view.state),
            Cell(view.name),
            Cell(view.profile, DIM),
            Cell(view.host, YELLOW if view.unreachable else DIM),
            Cell(view.where, DIM),
            Cell(short_duration(now - view.since)),
            mark_cell(marks.get(view.name), now),
            pull_cell(view),
            Cell(telling_reason(view)),
        ]
        for view in views
    ]
    out.table(_COLUMNS, rows)


def print_meters(out: Output, meters: Sequence[AccountMeter]) -> None:
    """What is used of the limits of accounts, a line for each, below what it goes with."""
    for each in meters:
        if each.text:
            out.narrate(f"{each.name}: {each.text}", YELLOW if each.left <= _LITTLE else DIM)
