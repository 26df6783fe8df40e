"""How an agent stood over a stretch of time, from its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind

Span = tuple[float, float, State]
"""From when, until when, and how it stood."""
_PRESSING = (
    State.WAITING,
    State.FAILED,
    State.LIMITED,
    State.LANDED,
    State.WORKING,
    State.STARTING,
    State.DONE,
    State.STOPPED,
)
"""Of several states in one cell of a bar the first of these is shown."""


def spans(events: Iterable[Event], created: float, now: float) -> list[Span]:
    """Its states, one after the other, from its creation until now."""
    found: list[Span] = []
    state, since = State.STARTING, created
    for event in events:
        if event.kind == EventKind.STATE_CHANGED and event.data.get("to") in set(State):
            found.append((since, max(since, event.at), state))
            state, since = State(event.data["to"]), max(since, event.at)
    found.append((since, max(since, now), state))
    return [span for span in found if span[1] > span[0]]


def cells(found: Sequence[Span], begin: float, end: float, width: int) -> list[State | None]:
    """The stretch in `width` cells, each with the state that matters most in it; None where the agent was not there."""
    step = (end - begin) / max(1, width)
    bar: list[State | None] = []
    for at in range(width):
        left, right = begin + at * step, begin + (at + 1) * step
        here = {state for since, until, state in found if since < right and until > left}
        bar.append(next((state for state in _PRESSING if state in here), None))
    return bar


def time_in(found: Sequence[Span], state: State, begin: float, end: float) -> float:
    """Seconds between `begin` and `end` in which it stood so."""
    return sum(max(0.0, min(until, end) - max(since, begin)) for since, until, each in found if each is state)
