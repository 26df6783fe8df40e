"""What a host says of itself is believed only where it can be."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.fleet.facts import Facts, HeldAgent
from agentdeck.core.fleet.orders import StartOrder, epoch_of

GOOD = Facts("id", "b", "1", 1, "2", "3", 4, 0.5, 9, 8, 7, 6.0, ("A100",), (HeldAgent("d", "bot", 2, "working", True),))
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_facts_come_through_as_they_are() -> None:
    assert Facts.from_json(GOOD.to_json()) == GOOD


@given(st.sampled_from(sorted(GOOD.to_json())), junk)
def test_nonsense_is_a_value_error_and_nothing_else(key: str, value: Any) -> None:
    data = {**GOOD.to_json(), key: value}
    try:
        found = Facts.from_json(data)
    except ValueError:
        return
    texts = (found.id, found.boot, found.version, found.git, found.tmux, *found.gpus)
    assert not [char for text in texts for char in text if unicodedata.category(char) == "Cc"]
    assert found.cores >= 0 and found.load >= 0


@given(junk)
def test_what_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        Facts.from_json(value)


def test_an_order_s_key_tells_its_epoch() -> None:
    order = StartOrder("deck-1", "bot", 12, "1a", "main", "c", "b")
    assert epoch_of(order.key) == 12
    assert StartOrder.from_json(order.to_json()) == order
    assert epoch_of("an id of a person's/3") == 0
