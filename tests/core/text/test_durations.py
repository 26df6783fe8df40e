from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.text.durations import parse_duration, short_duration

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5d", 129600),
        ("500ms", 0.5),
        (" 2H ", 7200),
        ("0", 0),
    ],
)
def test_what_people_type(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", " ", "m", "1x", "-5", "1h-", "5 minutes", "1e3", "inf", "nan", "1."])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="is not a length of time"):
        parse_duration(text)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(list(SECONDS))), min_size=1, max_size=4))
def test_the_parts_add_up(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert parse_duration(text) == sum(number * SECONDS[unit] for number, unit in parts)


@given(st.integers(1, 10**8))
def test_the_short_form_says_no_more_than_there_is_and_loses_less_than_one_unit(seconds: int) -> None:
    short = short_duration(seconds)
    said = parse_duration(short)
    assert said <= seconds < said + SECONDS[short[-1]]


def test_the_short_form_of_a_clock_that_went_back() -> None:
    assert short_duration(-3) == "0s"
