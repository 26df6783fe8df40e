"""A repository that agentdeck 0.1.0 was used on until now: every verb goes on with it."""

from __future__ import annotations

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.records.landings import Landings, LandRequest, Stage
from agentdeck.engine.records.steps import Steps
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.old_stores import unpacked

STATES = {
    "finished": State.DONE,
    "landed": State.LANDED,
    "lost": State.FAILED,
    "moving": State.LANDED,
    "restored": State.DONE,
    "stopped": State.STOPPED,
    "uncommitted": State.LANDED,
}


@pytest.fixture
def old(bench: Bench) -> Bench:
    return unpacked(bench, "0.1.0")


def told(old: Bench, *words: str) -> str:
    """What the verb prints, which must succeed."""
    done = agentdeck(*words, cwd=old.root)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ls_and_doctor_know_every_agent(old: Bench) -> None:
    (listing,) = objects(told(old, "ls", "--json"))
    assert {agent["name"]: agent["state"] for agent in listing["agents"]} == STATES
    assert all(len(agent["ports"]) == 4 for agent in listing["agents"])
    told(old, "doctor")


def test_show_knows_what_each_agent_holds(old: Bench) -> None:
    for name in ("landed", "lost", "restored"):
        *_, shown = objects(told(old, "show", "--json", name))
        assert [lease["kind"] for lease in shown["leases"]] == ["worktree", "ports", "database", "env file", "pane"]
        assert shown["branch"] == f"agentdeck/{name}"
        assert shown["base"] == "main"
        assert shown["events"]


def test_a_landing_that_was_killed_is_completed(old: Bench) -> None:
    deck = old.deck()
    deck.repair()
    latest = Landings(deck.store).all()[-1]
    assert (latest.entry("moving").stage, latest.move) == (Stage.LANDED, None)
    assert Steps(deck.store).latest().text == "landed moving on main"


def test_every_step_can_be_undone_and_done_again(old: Bench) -> None:
    deck, steps = old.deck(), Steps(old.deck().store)
    deck.repair()
    start, listed = old.git("rev-list", "--max-parents=0", "main"), told(old, "undo", "--list")
    assert [step.text for step in steps.all() if step.text in listed] == [step.text for step in steps.all()]
    known = [step.number for step in steps.all() if not step.undone and not step.undoes]
    assert len(known) == 7
    undone = [deck.undo(number) for number in reversed(known)]
    assert old.git("rev-parse", "main") == start
    assert old.git("rev-parse", "agentdeck/left") == start
    assert {view.name for view in deck.agents()} == {*STATES, "gone", "merged", "removed"}
    tree = old.root / ".worktrees" / "removed"
    assert old.git("status", "--porcelain", cwd=tree).splitlines() == ["A  staged", "?? loose"]
    for step in reversed(undone):
        deck.undo(step.number)
    assert {view.name for view in deck.agents()} == {*STATES}
    assert {view.name for view in deck.agents() if view.state is State.LANDED} == {"landed", "uncommitted", "moving"}
    assert (old.root / "moving.txt").read_text() == "moving\n"


def test_what_an_undo_brought_back_can_be_taken_away_again(old: Bench) -> None:
    deck = old.deck()
    deck.repair()
    deck.undo(9)
    assert "restored" not in {view.name for view in deck.agents()}
    deck.undo(4)
    deck.undo(Steps(deck.store).all()[-1].number)
    assert "agentdeck/left" not in old.branches()


def test_agents_go_on_land_and_are_removed(old: Bench) -> None:
    deck = old.deck()
    deck.repair()
    deck.resume("lost")
    deck.stop("lost")
    deck.land(LandRequest(("finished",)))
    assert (old.root / "finished.txt").exists()
    told(old, "rm", "-y", "restored")
    told(old, "undo")
    assert {view.name for view in deck.agents()} == {*STATES}


def test_prune_takes_what_landed(old: Bench) -> None:
    told(old, "prune", "-y")
    assert {view.name for view in old.deck().agents()} == {"finished", "stopped", "restored", "lost"}
    told(old, "undo")
    assert {view.name for view in old.deck().agents()} == {*STATES}
