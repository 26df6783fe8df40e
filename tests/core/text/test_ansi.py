"""Escape sequences are taken away, however they are cut, and whatever a hostile program makes of them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.text.ansi import Stripper, strip


@given(st.text(st.sampled_from("\x1b[]P\\m1;\x07 (Bx\x1b")), st.data())
def test_it_makes_no_difference_where_the_output_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    stripper = Stripper()
    assert "".join(stripper.feed(piece) for piece in pieces) == strip(text)


@pytest.mark.parametrize("sequence", ["\x1b]a", "\x1b[", "\x1bP", "\x1b(", "\x1b\x1b[31", "\x1b]8;;x\x1b[0"])
def test_sequences_without_an_end_cost_no_more_than_others(sequence: str) -> None:
    begun = time.perf_counter()
    Stripper().feed(sequence * (65536 // len(sequence)))
    assert time.perf_counter() - begun < 2.0  # seconds; each looked at for itself, they would take ten and more


def test_a_sequence_that_another_one_breaks_off_hides_nothing() -> None:
    assert Stripper().feed("\x1b]0;a title without an end\x1b[31mred\x1b[0m") == "]0;a title without an endred"
    assert Stripper().feed("\x1b\x1b[31mred") == "red"
