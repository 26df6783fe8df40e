from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.merging.patch import FilePatch, PatchLine
from agentdeck.core.text.text import columns
from agentdeck.core.trials.beside import beside
from agentdeck.core.trials.race import Score, is_test, last_number, parse_racers, ranked

SCORES = st.lists(
    st.builds(
        Score,
        name=st.uuids().map(str),
        out=st.sampled_from(["", "", "its gate failed"]),
        ready=st.booleans(),
        metric=st.none() | st.integers(-3, 3).map(float),
        lines=st.integers(0, 3),
        cost=st.none() | st.sampled_from([0.0, 0.001, 0.5, 2.0]),
        seconds=st.sampled_from([0.0, 0.3, 10.0]),
    ),
    max_size=8,
)


@given(SCORES, st.booleans(), st.randoms())
def test_places_do_not_depend_on_the_order_and_leave_nobody_out(
    scores: list[Score], lower: bool, random: Random
) -> None:
    found = ranked(scores, lower=lower)
    assert sorted(score.name for _, score in found) == sorted(score.name for score in scores)
    assert all((place == 0) == bool(score.out or not score.ready) for place, score in found)
    shuffled = list(scores)
    random.shuffle(shuffled)
    assert {score.name: place for place, score in ranked(shuffled, lower=lower)} == {
        score.name: place for place, score in found
    }
    able = [place for place, _ in found if place]
    assert able == sorted(able) and able[:1] in ([], [1])


@given(SCORES, st.booleans())
def test_a_better_metric_is_never_a_worse_place(scores: list[Score], lower: bool) -> None:
    found = [score for place, score in ranked(scores, lower=lower) if place]
    known = [score.metric for score in found if score.metric is not None]
    assert known == sorted(known, reverse=not lower)
    assert [score.metric is None for score in found] == sorted(score.metric is None for score in found)


@given(SCORES)
def test_a_cost_that_one_does_not_tell_decides_nothing(scores: list[Score]) -> None:
    if any(score.cost is None for score in scores if score.ready and not score.out):
        blind = [replace(score, cost=None) for score in scores]
        assert [(place, score.name) for place, score in ranked(scores, lower=False)] == [
            (place, score.name) for place, score in ranked(blind, lower=False)
        ]


def test_equal_ones_share_a_place() -> None:
    scores = [Score("a", lines=3), Score("b", lines=3), Score("c", lines=9)]
    assert [place for place, _ in ranked(scores, lower=False)] == [1, 1, 3]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("claude,codex", [("claude", ""), ("codex", "")]),
        (" claude , claude@deep", [("claude", ""), ("claude", "deep")]),
    ],
)
def test_racers_are_read(text: str, found: list[tuple[str, str]]) -> None:
    assert parse_racers(text) == found


@pytest.mark.parametrize("text", ["", "claude", "claude,", "claude,@deep", "claude,codex@", ",".join("abcdefghi")])
def test_racers_that_make_no_sense_are_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"race|PROFILE"):
        parse_racers(text)


@pytest.mark.parametrize(
    ("lines", "number"), [(["12 passed in 3.5s", ""], 3.5), (["x 1", "no"], 1), (["-1e3"], -1000), ([], None)]
)
def test_the_last_number_counts(lines: list[str], number: float | None) -> None:
    assert last_number(lines) == number


def test_test_files_are_known() -> None:
    tests = ["tests/a.py", "src/test_x.py", "web/a.test.ts", "go/a_test.go", "spec/x.rb", "a/__tests__/b.js"]
    assert all(map(is_test, tests))
    assert not any(map(is_test, ["src/contest.py", "latest/a.py", "src/attest.go", "testing.md"]))


@given(st.integers(24, 200), st.lists(st.text(max_size=60), max_size=5), st.lists(st.text(max_size=60), max_size=5))
def test_two_changes_stand_beside_each_other_in_the_width(width: int, one: list[str], other: list[str]) -> None:
    def files(lines: list[str]) -> list[FilePatch]:
        return [FilePatch("a.py", "a.py", "M", len(lines), 0, lines=tuple(PatchLine("+", line) for line in lines))]

    lines = list(beside(("x-1", "x-2"), files(one), files(other), width))
    assert all(columns(line) <= width for line in lines)
    assert lines[0].startswith("x-1") and lines[0].endswith("x-2")
