"""Several agents land with one run of the gate."""

from __future__ import annotations

from agentdeck.core.agents.agent import State
from agentdeck.engine.records.landings import LandRequest, Stage
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.worlds import leftovers, world_of


def test_a_batch_is_tested_once_and_searched_for_the_one_that_fails(bench: Bench) -> None:
    for name in ("a", "b", "c", "d", "e"):
        finished(bench, name, {f"{name}.txt": f"{name}\n"})
    finished(bench, "clash", {"a.txt": "other\n"})
    runs = bench.root.parent / "runs"
    gate = (f'echo run >> "{runs}"', "test ! -f d.txt")
    landing = bench.deck().land(LandRequest(("a", "clash", "b", "c", "d", "e"), gate=gate, batch=True))
    assert {entry.agent: str(entry.stage) for entry in landing.entries} == {
        "a": "landed", "clash": "set aside", "b": "landed", "c": "landed", "d": "set aside", "e": "landed",
    }  # fmt: skip
    assert "conflicts with main" in landing.entry("clash").reason
    assert "test ! -f d.txt (exit 1)" in landing.entry("d").reason
    assert (bench.root / "e.txt").exists()
    assert not (bench.root / "d.txt").exists()
    assert len(runs.read_text().splitlines()) < 6
    deck = bench.deck()
    assert [step.text for step in deck.history.steps()] == ["landed a, b, c on main", "landed e on main"]
    deck.undo()
    deck.undo()
    assert sorted(path.name for path in bench.root.glob("?.txt")) == []
    assert {view.state for view in deck.agents()} == {State.DONE}


def test_a_batch_whose_base_never_rests_ends_too(bench: Bench) -> None:
    bench.write("agentdeck.toml", (bench.root / "agentdeck.toml").read_text() + "\n[landing]\nretries = 1\n")
    for name in ("one", "two"):
        finished(bench, name, {f"{name}.txt": "x\n"})
    move = f'git -C "{bench.root}" commit -q --allow-empty -m meanwhile'
    landing = bench.deck().land(LandRequest(("one", "two"), gate=(move,), batch=True))
    assert ["kept moving" in entry.reason for entry in landing.entries] == [True, True]
    assert leftovers(bench) == []


def test_a_dirty_base_stops_a_whole_batch_with_nothing_changed(bench: Bench) -> None:
    finished(bench, "one", {"src/app.py": "one\n"})
    finished(bench, "two", {"two.txt": "x\n"})
    bench.write("src/app.py", "mine\n")
    before = world_of(bench)
    landing = bench.deck().land(LandRequest(("one", "two"), batch=True))
    assert {entry.stage for entry in landing.entries} == {Stage.SET_ASIDE}
    assert all("changes that this would overwrite" in entry.reason for entry in landing.entries)
    assert world_of(bench) == before
