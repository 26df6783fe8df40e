"""The columns of the list of agents: what each says of a row, how wide it is, and which fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agentdeck.core.merging.radar import Verdict
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import columns as columns_of
from agentdeck.core.text.text import cut, cut_start, plain, short_count
from agentdeck.tui.feed.snapshot import SHOWN_SAMPLES, Row
from agentdeck.tui.list.order import NEEDS_PERSON
from agentdeck.tui.look.look import short_bytes, sparkline

GAP = 2
_REASON_LEAST = 16

Part = tuple[str, str]
"""A text and the name of its style: a component class of the list without `agents--`, or “”."""


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    rank: int
    """Those of the highest rank go first where the room is short."""
    least: int
    most: int
    parts: Callable[[Row, float], list[Part]]
    """What it says of a row at a time."""
    right: bool = False
    keep_end: bool = False
    """Whether the end of its text tells more than the beginning."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that fit a width, each with its own width; the last takes what is left."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]


def _state(row: Row, now: float) -> list[Part]:
    style = "lost" if row.is_lost else str(row.state)
    word = "lost" if row.is_lost else str(row.state)
    return [(f"{'?' if row.is_lost else row.state.glyph} {word}", style)]


def _name(row: Row, now: float) -> list[Part]:
    return [(row.name, "name")]


def _profile(row: Row, now: float) -> list[Part]:
    profile, model = plain(row.view.profile), plain(row.view.model)
    return [(profile, ""), (f" {model}", "dim")] if model else [(profile, "")]


def _branch(row: Row, now: float) -> list[Part]:
    branch = plain(row.view.where)
    return [(branch, "")] if branch else [("detached", "dim")]


def _ahead(row: Row, now: float) -> list[Part]:
    facts = row.facts
    if facts is None or facts.problem:
        return []
    parts: list[Part] = [(f"↑{facts.ahead}", "")] if facts.ahead else []
    if facts.behind:
        parts.append((f"{' ' if parts else ''}↓{facts.behind}", "dim"))
    return parts


def _radar(row: Row, now: float) -> list[Part]:
    mark = row.mark
    if mark is None or mark.verdict is Verdict.CLEAN or not mark.others:
        return []
    more = f" +{len(mark.others) - 1}" if len(mark.others) > 1 else ""
    style = "conflict" if mark.verdict is Verdict.CONFLICTS else "dim"
    return [(f"{mark.verdict.glyph} {plain(mark.others[0])}{more}", style)]


def _lines(row: Row, now: float) -> list[Part]:
    facts = row.facts
    if facts is None or not (facts.added or facts.deleted):
        return []
    return [(f"+{_count(facts.added)}", "added"), (f" -{_count(facts.deleted)}", "deleted")]


def _count(number: int) -> str:
    return str(number) if number < 10_000 else f"{number // 1000}k"


def _cpu(row: Row, now: float) -> list[Part]:
    if row.load is None:
        return []
    return [(sparkline(row.load.history, SHOWN_SAMPLES, full=100.0), "spark"), (f"{row.load.cpu:4.0f}%", "")]


def _memory_trend(row: Row, now: float) -> list[Part]:
    if row.load is None or not row.load.memory_history:
        return []
    # Half-way up where it stays the same, so that it can be seen to grow and to shrink.
    middle = 2 * min(row.load.memory_history)
    return [(sparkline(row.load.memory_history, SHOWN_SAMPLES, full=middle), "spark")]


def _memory(row: Row, now: float) -> list[Part]:
    return [(short_bytes(row.load.memory), "")] if row.load else []


def _context(row: Row, now: float) -> list[Part]:
    """How full the context is; the tokens in use where the CLI does not say how many it can hold."""
    activity = row.view.activity
    if activity is None or not activity.context:
        return []
    if not activity.window:
        return [(short_count(activity.context), "")]
    return [(f"{100 * activity.context / activity.window:.0f}%", "")]


def _cost(row: Row, now: float) -> list[Part]:
    return [] if row.cost is None else [(f"${row.cost:.2f}", "")]


def _time(row: Row, now: float) -> list[Part]:
    return [(short_duration(max(0.0, now - row.view.since)), "dim")]


def _reason(row: Row, now: float) -> list[Part]:
    reason = plain(row.reason)
    style = "problem" if row.is_lost or (row.facts and row.facts.problem) else f"reason-{row.state}"
    if reason:
        return [(reason, style)]
    if row.view.tool is not None:
        return [(plain(row.view.tool.text), "")]
    # A script of several lines is one line here.
    task = " ".join(plain(row.view.agent.task or " ".join(row.view.agent.argv)).split())
    return [(task, "dim")]


COLUMNS = (
    Column("STATE", 0, 10, 10, _state),
    Column("NAME", 0, 16, 30, _name),
    Column("PROFILE", 3, 8, 26, _profile),
    Column("BRANCH", 5, 14, 40, _branch, keep_end=True),
    Column("↑↓", 2, 12, 12, _ahead),
    Column("RADAR", 1, 12, 16, _radar),
    Column("LINES", 2, 12, 12, _lines),
    Column("CPU", 4, 10, 10, _cpu, right=True),
    Column("", 6, 5, 5, _memory_trend, right=True),
    Column("MEM", 4, 4, 5, _memory, right=True),
    Column("CTX", 4, 5, 6, _context, right=True),
    Column("COST", 3, 5, 8, _cost, right=True),
    Column("TIME", 0, 4, 4, _time, right=True),
    Column("WHY", 0, _REASON_LEAST, 1000, _reason),
)


def lay_out(rows: Iterable[Row], width: int) -> Layout:
    """The columns for `rows` in `width` columns of the terminal. One with nothing in it is left out."""
    rows = list(rows)
    natural = {id(column): _natural(column, rows) for column in COLUMNS[:-1]}
    shown = [column for column in COLUMNS[:-1] if natural[id(column)]]
    widths = {key: size for key, size in natural.items() if size}
    least = {id(column): min(column.least, natural[id(column)]) for column in shown}
    reason = COLUMNS[-1]
    # What an agent wants of a person is read before anything else.
    said = max((columns_of(plain(row.reason)) for row in rows if row.state in NEEDS_PERSON), default=0)
    reason_least = max(_REASON_LEAST, min(said, round(0.3 * width)))
    while shown and sum(least[id(column)] + GAP for column in shown) + reason_least > width:
        # Of two of the same rank the one that stands further to the right goes first.
        first = max(shown, key=lambda column: (column.rank, COLUMNS.index(column)))
        if not first.rank:
            break
        shown.remove(first)
    # The reason shall have a quarter of the room before a long name or branch gets more than its least.
    room = width - max(reason_least, width // 4) - GAP * len(shown)
    over = sum(widths[id(column)] for column in shown) - room
    while over > 0:
        wide = [column for column in shown if widths[id(column)] > least[id(column)]]
        if not wide:
            break
        widest = max(wide, key=lambda column: widths[id(column)])
        widths[id(widest)] -= 1
        over -= 1
    sizes = [widths[id(column)] for column in shown]
    rest = max(1, width - sum(sizes) - GAP * len(shown))
    return Layout((*shown, reason), (*sizes, rest))


def _natural(column: Column, rows: Sequence[Row]) -> int:
    """How wide the column would like to be; 0 where it has nothing to say."""
    widest = max((sum(columns_of(text) for text, _ in column.parts(row, 0.0)) for row in rows), default=0)
    if not widest:
        return 0
    return min(column.most, max(widest, columns_of(column.title)))


def cell(column: Column, row: Row, now: float, width: int) -> list[Part]:
    """The column's parts cut and filled to exactly `width` columns."""
    parts, room = [], width
    for text, style in column.parts(row, now):
        shown = (cut_start if column.keep_end else cut)(text, room) if room > 0 else ""
        room -= columns_of(shown)
        if shown:
            parts.append((shown, style))
    fill: Part = (" " * room, "")
    return [fill, *parts] if column.right else [*parts, fill]
