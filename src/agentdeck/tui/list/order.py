"""Which rows are shown, in which order, under which headings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any

from agentdeck.core.agents.agent import State
from agentdeck.core.frozen import dataclass
from agentdeck.tui.feed.snapshot import Row

URGENCY = (
    State.WAITING,
    State.FAILED,
    State.LIMITED,
    State.DONE,
    State.WORKING,
    State.STARTING,
    State.STOPPED,
    State.LANDED,
)
"""What needs a person comes first."""


class Order(StrEnum):
    URGENCY = "need"
    NAME = "name"
    NEWEST = "newest"
    CHANGED = "last change"
    CPU = "CPU"
    COST = "cost"


class Grouping(StrEnum):
    NONE = "none"
    STATE = "state"
    PROFILE = "profile"
    BASE = "base branch"
    HOST = "host"


class Only(StrEnum):
    """What a key narrows the list to."""

    WAITING = "waiting"
    FAILED = "failed"
    TO_LAND = "to land"
    BUSY = "busy"
    ENDED = "ended"


_ONLY = {
    Only.WAITING: {State.WAITING},
    Only.FAILED: {State.FAILED},
    Only.TO_LAND: {State.DONE},
    Only.BUSY: {State.STARTING, State.WORKING, State.LIMITED},
    Only.ENDED: {State.STOPPED, State.LANDED},
}


@dataclass(frozen=True, slots=True)
class Heading:
    """The line above a group of rows."""

    text: str
    count: int


Line = Row | Heading


def _stands(row: Row) -> State:
    """One that is idle at its prompt is as good as done: nobody has to hurry."""
    return State.DONE if row.is_idle else row.state


_KEYS: dict[Order, Callable[[Row], tuple[Any, ...]]] = {
    Order.URGENCY: lambda row: (URGENCY.index(_stands(row)), row.view.since),
    Order.NAME: lambda row: (row.name,),
    Order.NEWEST: lambda row: (-row.view.agent.created,),
    Order.CHANGED: lambda row: (-row.view.since,),
    Order.CPU: lambda row: (-(row.load.cpu if row.load else 0.0),),
    Order.COST: lambda row: (-(row.cost or 0.0),),
}
_GROUPS: dict[Grouping, Callable[[Row], str]] = {
    Grouping.STATE: lambda row: str(row.state),
    Grouping.PROFILE: lambda row: row.view.profile,
    Grouping.BASE: lambda row: row.view.base or "no base",
    Grouping.HOST: lambda row: row.view.host or "this machine",
}


def arrange(
    rows: Iterable[Row], order: Order, grouping: Grouping, query: str = "", only: Only | None = None
) -> list[Line]:
    """The lines of the list. Rows that are equal in the order asked for keep the one of their creation."""
    states = _ONLY[only] if only is not None else frozenset(State)
    kept = sorted(filtered((row for row in rows if _stands(row) in states), query), key=_KEYS[order])
    if grouping is Grouping.NONE:
        return list(kept)
    groups: dict[str, list[Row]] = {}
    for row in kept:
        groups.setdefault(_GROUPS[grouping](row), []).append(row)
    lines: list[Line] = []
    for title in _group_order(groups, grouping):
        lines += [Heading(title, len(groups[title])), *groups[title]]
    return lines


def _group_order(titles: Iterable[str], grouping: Grouping) -> Sequence[str]:
    if grouping is Grouping.STATE:
        return sorted(titles, key=lambda title: URGENCY.index(State(title)))
    return sorted(titles)


def filtered(rows: Iterable[Row], query: str) -> list[Row]:
    """The rows that match every word of `query`, by any of their names, state, branch, reason or task.

    Letters that are only scattered over a name count where nothing has the word itself: else a key would act on an
    agent that nobody meant.
    """
    kept = list(rows)
    for word in query.lower().split():
        kept = [row for row in kept if _has(word, row)] or [row for row in kept if _has_letters(word, row)]
    return kept


def _has(word: str, row: Row) -> bool:
    view = row.view
    short = (row.name, str(row.state), view.profile, view.branch)
    return any(word in text.lower() for text in (*short, row.reason, view.agent.task, view.model))


def _has_letters(word: str, row: Row) -> bool:
    return is_subsequence(word, row.name) or is_subsequence(word, row.view.branch.lower())


def is_subsequence(letters: str, text: str) -> bool:
    """Whether `text` has all `letters`, in their order."""
    rest = iter(text)
    return all(letter in rest for letter in letters)
