"""What a benchmark proposes: laws of `promote`, of the interval and of the routes."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.trials.promotion import Proposal, promote
from agentdeck.core.trials.results import BenchResult, rates, wilson
from agentdeck.core.trials.routing import ORDER, route

MODELS = ["big:deep", "mid:one", "cheap:one", "free:local"]
TIERS = st.fixed_dictionaries({"routine": st.lists(st.sampled_from(MODELS), min_size=1, max_size=3, unique=True)})


@st.composite
def results(draw: st.DrawFn) -> list[BenchResult]:
    """Each model with so many runs, of which so many passed."""
    found = []
    for model in draw(st.lists(st.sampled_from(MODELS), unique=True)):
        runs = draw(st.integers(0, 60))
        passed = draw(st.integers(0, runs))
        cost = draw(st.none() | st.sampled_from([0.0, 0.1, 1.0]))
        for number in range(runs):
            found.append(BenchResult("b", "t", "x", number, "p", model, number < passed, cost=cost))
    return found


@given(results(), TIERS, st.sampled_from([0.5, 0.8, 0.95]), st.sampled_from([1, 20, 40]))
def test_laws_of_a_proposal(found: list[BenchResult], tiers: dict[str, list[str]], floor: float, least: int) -> None:
    before = copy.deepcopy((found, tiers))
    told = promote(found, "routine", tiers, floor=floor, min_runs=least)
    assert (found, tiers) == before, "it changes nothing"
    known = {rate.name: rate for rate in rates(found, lambda result: result.model)}
    assert set(tiers["routine"]) <= set(told.after) and len(set(told.after)) == len(told.after)
    for move in told.moves:
        rate = known[move.target]
        assert rate.runs >= least
        if move.way == "up":
            assert rate.interval[0] >= floor and told.after[0] == move.target
        else:
            assert rate.rate < floor
    assert bool(told.moves) == (told.after != told.before)
    leader = known.get(told.after[0])
    if leader is not None and leader.runs >= least and leader.rate < floor:
        assert not told.moves, "who fails leads only where nobody is better"
    again = promote(found, "routine", {"routine": list(told.after)}, floor=floor, min_runs=least)
    assert not again.moves, "what it proposes, it does not propose to change"


@given(results(), TIERS)
def test_too_few_runs_move_nobody(found: list[BenchResult], tiers: dict[str, list[str]]) -> None:
    assert not promote(found, "routine", tiers, min_runs=61).moves


@given(results(), TIERS, st.randoms())
def test_the_order_of_results_means_nothing(found: list[BenchResult], tiers: dict[str, list[str]], random) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    mixed = list(found)
    random.shuffle(mixed)
    assert _shape(promote(mixed, "routine", tiers, min_runs=5)) == _shape(promote(found, "routine", tiers, min_runs=5))


def _shape(told: Proposal) -> tuple[object, ...]:
    return told.after, [(move.target, move.way) for move in told.moves]


def made(model: str, passed: int, runs: int, cost: float) -> list[BenchResult]:
    return [BenchResult("b", "t", "x", at, "p", model, at < passed, cost=cost) for at in range(runs)]


def test_up_when_the_lower_bound_clears_the_floor_and_back_when_the_rate_falls_below() -> None:
    tiers = {"routine": ["big:deep", "mid:one"]}
    good = made("big:deep", 40, 40, 1.0) + made("cheap:one", 39, 40, 0.1)
    told = promote(good, "routine", tiers)
    assert told.after == ("cheap:one", "big:deep", "mid:one")
    # 36 of 40 is a rate of 0.9, whose lower bound is 0.77
    assert promote(made("big:deep", 40, 40, 1.0) + made("cheap:one", 36, 40, 0.1), "routine", tiers).moves == ()
    fell = promote(made("big:deep", 31, 40, 1.0), "routine", tiers)
    assert fell.after == ("mid:one", "big:deep") and fell.moves[0].way == "back"
    assert promote(made("big:deep", 32, 40, 1.0), "routine", tiers).moves == ()
    assert "no chain" in promote(good, "local", {"local": "auto"}).notes[0]


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_interval_holds_the_rate_and_narrows(passed: int, more: int) -> None:
    runs = passed + more
    low, high = wilson(passed, runs)
    assert 0 <= low <= (passed / runs if runs else 0.5) <= high <= 1
    if runs:
        wider = wilson(passed, runs)
        narrower = wilson(passed * 4, runs * 4)
        assert narrower[1] - narrower[0] < wider[1] - wider[0] + 1e-9


@pytest.mark.parametrize(("passed", "runs", "low"), [(19, 20, 0.76), (95, 100, 0.89), (73, 73, 0.95)])
def test_known_intervals(passed: int, runs: int, low: float) -> None:
    assert wilson(passed, runs)[0] == pytest.approx(low, abs=0.005)


@given(results())
def test_a_result_is_read_as_it_was_written(found: list[BenchResult]) -> None:
    assert [BenchResult.from_json(json.loads(each.to_line())) for each in found] == found


def test_what_says_nothing_of_the_model_does_not_count() -> None:
    found = made("a:b", 3, 4, 0.1)
    (rate,) = rates([*found, replace(found[0], passed=None)], lambda result: result.model)
    assert (rate.runs, rate.passed, rate.uncounted) == (4, 3, 1)


@given(st.text(max_size=300), st.integers(0, 10_000))
def test_every_task_has_a_tier_and_a_reason(task: str, files: int) -> None:
    found = route(task, files=files)
    assert found.tier in ORDER and found.reasons == route(task, files=files).reasons and found.reasons


@pytest.mark.parametrize(
    ("task", "files", "tier"),
    [
        ("Fix the typo in README.md", 100, "routine"),
        ("Rename parse to read in src/parser.py", 100, "routine"),
        ("Bump the dependencies", 100, "routine"),
        ("Implement pagination for the list of orders", 100, "reasoning"),
        ("Refactor the parser", 100, "reasoning"),
        ("Refactor the parser", 20_000, "deep"),
        ("Find the root cause of the deadlock in the queue", 100, "deep"),
        ("Redesign the storage layer", 100, "deep"),
        ("Change a.py b.py c.py d.py e.py f.py and g.py", 100, "reasoning"),
        ("word " * 400, 100, "reasoning"),
    ],
)
def test_routes(task: str, files: int, tier: str) -> None:
    assert route(task, files=files).tier == tier
