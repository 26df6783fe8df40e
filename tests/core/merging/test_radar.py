"""The rules of the conflict radar."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from agentdeck.core.merging.conflicts import Conflict, Hunk
from agentdeck.core.merging.radar import (
    Mark,
    Pair,
    RadarReport,
    Verdict,
    conflict_from_json,
    conflict_to_json,
    landing_order,
    order_of,
)

NAMES = ["a", "b", "c", "d", "e", "f", "g"]
pairs_of_names = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))


def met(order: Sequence[str], collisions: set[tuple[str, str]], blocked: set[str]) -> int:
    """How many of `order` meet a conflict: with their base, or with one that landed before them."""
    landed: list[str] = []
    for name in order:
        foes = {(name, other) in collisions or (other, name) in collisions for other in landed}
        if name not in blocked and not any(foes):
            landed.append(name)
    return len(order) - len(landed)


@settings(max_examples=25)
@given(collisions=st.sets(pairs_of_names, max_size=14), blocked=st.sets(st.sampled_from(NAMES), max_size=2))
def test_no_order_meets_fewer_conflicts(collisions: set[tuple[str, str]], blocked: set[str]) -> None:
    collisions = {(one, other) for one, other in collisions if one != other}
    order = landing_order(NAMES, collisions, blocked)
    assert sorted(order) == NAMES
    best = min(met(each, collisions, blocked) for each in itertools.permutations(NAMES))
    assert met(order, collisions, blocked) == best


@given(names=st.permutations(NAMES))
def test_without_collisions_the_given_order_stays(names: list[str]) -> None:
    assert landing_order(names, []) == tuple(names)


def test_those_that_collide_wait_and_those_that_conflict_with_the_base_come_last() -> None:
    star = [("b", other) for other in "acde"]
    assert landing_order(["a", "b", "c", "d", "e"], star) == ("a", "c", "d", "e", "b")
    assert landing_order(["a", "b", "c"], [("b", "c")], blocked=["a"]) == ("b", "c", "a")


def test_crowds_are_ordered_too() -> None:
    crowd = [f"n{number}" for number in range(400)]
    everyone = list(itertools.combinations(crowd, 2))
    assert sorted(landing_order(crowd, everyone)) == sorted(crowd)
    wheel = [(crowd[at], crowd[(at + 1) % 51]) for at in range(51)]
    assert met(landing_order(crowd[:51], wheel), set(wheel), set()) == 26


CONFLICT = Conflict("a b\udcff.py", "contents", "CONFLICT in a b", (Hunk(1, 2, 3, 0),))


def report() -> RadarReport:
    base = (Pair("one", "main", Verdict.CLEAN), Pair("two", "main", Verdict.TOUCHES, ("x",)))
    pairs = (
        Pair("one", "two", Verdict.CONFLICTS, ("x",), (CONFLICT,)),
        Pair("one", "three", Verdict.CLEAN),
        Pair("two", "three", Verdict.TOUCHES, ("y",)),
    )
    return RadarReport(
        ("one", "two", "three"), base, pairs, ("one", "three", "two"), {"three": "its base is gone"}, 5.0
    )


def test_the_worst_and_with_whom() -> None:
    found = report()
    assert found.worst("one") == Mark(Verdict.CONFLICTS, ("two",))
    assert found.worst("three") == Mark(Verdict.TOUCHES, ("two",))
    assert found.worst("nobody") is None
    assert found.marks("two") == {"main": Verdict.TOUCHES, "one": Verdict.CONFLICTS, "three": Verdict.TOUCHES}


def test_an_agent_called_as_its_base_keeps_the_worse() -> None:
    pairs = (Pair("one", "main", Verdict.CLEAN),)
    found = RadarReport(
        ("one", "main"), (Pair("one", "main", Verdict.CONFLICTS, ("x",), (CONFLICT,)),), pairs, ("one",)
    )
    assert found.marks("one") == {"main": Verdict.CONFLICTS}


def test_a_report_about_some_has_their_pairs_with_all() -> None:
    found = report().about(["three", "one"])
    assert [(pair.a, pair.b) for pair in found.pairs] == [("one", "two"), ("one", "three"), ("two", "three")]
    assert ([pair.a for pair in found.base], found.order) == (["one"], ("one", "three"))
    assert found.agents == report().agents
    assert report().about(["one"]).problems == {}


def test_two_that_go_to_different_branches_are_in_nobodys_way() -> None:
    pairs = [Pair("one", "two", Verdict.CONFLICTS, ("x",), (CONFLICT,)), Pair("one", "three", Verdict.CLEAN)]
    base = [Pair("one", "main", Verdict.CLEAN), Pair("two", "develop", Verdict.CLEAN)]
    assert order_of(["one", "two", "three"], base, pairs) == ("one", "two", "three")
    base[1] = Pair("two", "main", Verdict.CLEAN)
    assert order_of(["one", "two", "three"], base, pairs) == ("one", "three", "two")


def test_reports_are_alike_but_for_their_time() -> None:
    one = report()
    assert one.is_like(RadarReport(one.agents, one.base, one.pairs, one.order, one.problems, 9.0))
    assert not one.is_like(one.about(["one"]))
    assert not one.is_like(None)


def test_conflicts_come_back_from_json() -> None:
    assert conflict_from_json(conflict_to_json(CONFLICT)) == CONFLICT
    assert report().to_json()["pairs"][0]["conflicts"][0]["where"] == "a b\udcff.py:1-2"
