"""What a landing says and leaves where the machine refuses one of its stages."""

from __future__ import annotations

import os

import pytest

from agentdeck.core.agents.agent import Phase, State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.records.landings import LandRequest, Stage
from agentdeck.errors import StoreError
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.leaving import writing


@pytest.mark.parametrize("batch", [False, True])
def test_one_that_landed_and_can_not_be_removed_has_landed(bench: Bench, batch: bool) -> None:
    bench.write("agentdeck.toml", (bench.root / "agentdeck.toml").read_text() + "\n[trash]\nignored = true\n")
    (bench.root / ".git/info/exclude").write_text("/log.txt\n")
    for name in ("one", "two"):
        view = finished(bench, name, {f"{name}.txt": "x\n"})
    assert view.worktree is not None
    told: list[Event] = []
    with writing("date +%N >>log.txt", view.worktree):
        landing = bench.deck().land(LandRequest(("one", "two"), batch=batch, remove=True), told.append)
    assert {entry.agent: str(entry.stage) for entry in landing.entries} == {"two": "landed", "one": "landed"}
    assert [event.text for event in told if event.agent == "two" and event.kind == EventKind.WARNING] == [
        f"landed, but not removed: {view.worktree} is still being written to, so it was not removed."
    ]
    # What was refused is not taken up again by itself.
    bench.deck().repair()
    assert bench.deck().store.names() == ["two"]
    assert bench.deck().agent("two").agent.phase is Phase.HELD
    assert bench.deck().agent("two").state is State.LANDED
    bench.deck().remove("two")
    bench.deck().undo()
    assert "two" in bench.deck().store.names()


@pytest.mark.parametrize("batch", [False, True])
def test_a_move_that_can_not_be_written_down_is_by_the_next_verb(bench: Bench, batch: bool) -> None:
    for name in ("one", "two"):
        finished(bench, name, {f"{name}.txt": "x\n"})
    before = bench.git("rev-parse", "main")
    damaged = bench.write("steps/00001.json", "{", cwd=bench.deck().store.folder)
    with pytest.raises(StoreError, match="can't be read"):
        bench.deck().land(LandRequest(("one", "two"), batch=batch))
    assert bench.git("rev-parse", "main") != before
    damaged.unlink()
    bench.deck().repair()
    deck = bench.deck()
    (landing,) = deck.landings.all()
    assert landing.entry("one").stage is Stage.LANDED
    deck.undo(landing.entry("one").step)
    assert bench.git("rev-parse", "main") == before


def test_a_landing_that_died_on_a_full_disk_is_given_up_by_the_next_verb(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "x\n"})
    deck = bench.deck()
    landing = deck.land(LandRequest(("fix",), gate=("false",)))
    lock = bench.write(f"landings/{landing.id}.lock", "", cwd=deck.store.folder)
    deck.repair()
    assert lock.exists()  # it may have been made this moment
    os.utime(lock, (1, 1))
    deck.repair()
    assert not lock.exists()
