"""A queue can be changed while it lands, and what is told of that is what happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.engine.records.landings import Landing, LandRequest, Stage, Wishes
from agentdeck.errors import NotFoundError, RefusedError
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.retry import eventually


@contextmanager
def landing(bench: Bench, *names: str) -> Iterator[Callable[[], Landing]]:
    """Land them behind a gate that waits for the file `go` in the repository; what is yielded waits for the end."""
    found: list[Landing] = []
    gate = (f"until test -e '{bench.root}/.git/go'; do sleep 0.05; done",)
    thread = threading.Thread(target=lambda: found.append(bench.deck().land(LandRequest(names, gate=gate))))
    thread.start()

    def end() -> Landing:
        (bench.root / ".git/go").touch()
        thread.join(60)
        return found[0]

    try:
        eventually(lambda: stage(bench, names[0]) is Stage.GATING)
        yield end
    finally:
        end()


def stage(bench: Bench, name: str) -> Stage | None:
    entries = [entry for each in bench.deck().landings.all() for entry in each.entries if entry.agent == name]
    return entries[-1].stage if entries else None


def test_one_that_waits_is_taken_out_and_the_rest_land_in_another_order(bench: Bench) -> None:
    for name in ("one", "two", "three", "four"):
        finished(bench, name, {f"{name}.txt": name})
    with landing(bench, "one", "two", "three", "four") as end:
        landings = bench.deck().landings
        assert landings.drop("two") == "two was taken out of the queue."
        assert landings.move("four", -1) == "Next to land: four, three."
        with pytest.raises(RefusedError, match="four is first of those that wait already"):
            landings.move("four", -1)
        with pytest.raises(RefusedError, match="one is gating already"):
            landings.move("one", 1)
        done = end()
    assert {entry.agent: entry.stage for entry in done.entries} == {
        "one": Stage.LANDED,
        "two": Stage.SET_ASIDE,
        "three": Stage.LANDED,
        "four": Stage.LANDED,
    }
    assert "taken out of the queue" in done.entry("two").reason
    subjects = bench.git("log", "--merges", "--format=%s", "main").splitlines()
    assert ["three" in subjects[0], "four" in subjects[1], "one" in subjects[2]] == [True] * 3, subjects
    assert not list((bench.deck().store.folder / "landings").glob("*.wishes"))
    assert bench.deck().agent("two").state == "done"


def test_one_whose_gate_runs_is_taken_out_with_its_gate(bench: Bench) -> None:
    finished(bench, "one", {"one.txt": "1"})
    before = bench.git("rev-parse", "main")
    with landing(bench, "one") as end:
        assert bench.deck().landings.drop("one") == "one was taken out of the queue."
        assert end().entry("one").stage is Stage.SET_ASIDE
    assert bench.git("rev-parse", "main") == before
    assert bench.deck().store.names() == ["one"]
    with pytest.raises(NotFoundError, match="one is not in the landing queue"):
        bench.deck().landings.drop("one")


@given(st.permutations(list("abcdef")), st.lists(st.sampled_from("abcdefxyz"), unique=True))
def test_wishes_neither_lose_nor_invent_an_agent(names: list[str], order: list[str]) -> None:
    found = Wishes(order=tuple(order)).sorted(names)
    assert sorted(found) == sorted(names)
    wanted = [name for name in order if name in names]
    assert found[: len(wanted)] == wanted
    assert found[len(wanted) :] == [name for name in names if name not in order]
