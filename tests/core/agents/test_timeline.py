"""The states of an agent over time: they never overlap, and fill the time from its creation until now."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.timeline import cells, spans, time_in

CHANGES = st.lists(st.tuples(st.floats(0, 1000), st.sampled_from(list(State))), max_size=8)


@given(CHANGES, st.floats(1, 500), st.integers(1, 60))
def test_spans_fill_the_time_and_cells_the_width(changes: list[tuple[float, State]], size: float, width: int) -> None:
    events = [
        Event(EventKind.STATE_CHANGED, "fix", "", {"from": "x", "to": str(state), "fault": ""}, at=at)
        for at, state in sorted(changes, key=lambda each: each[0])
    ]
    found = spans(events, 0.0, 1000.0)
    assert (found[0][0], found[-1][1]) == (0.0, 1000.0)
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert abs(sum(time_in(found, state, 0.0, 1000.0) for state in State) - 1000.0) < 1e-6
    bar = cells(found, 1000.0 - size, 1000.0, width)
    assert len(bar) == width
    assert None not in bar
    assert set(bar) <= {state for _, _, state in found}


def test_the_state_that_matters_most_is_shown_and_nothing_before_it_was_there() -> None:
    found = [(10.0, 19.0, State.WORKING), (19.0, 20.0, State.WAITING), (20.0, 40.0, State.DONE)]
    assert cells(found, 0.0, 40.0, 4) == [None, State.WAITING, State.DONE, State.DONE]
    assert time_in(found, State.WAITING, 0.0, 19.5) == 0.5
