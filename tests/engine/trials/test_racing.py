"""Agents that do the same task: judged as they would land, one lands, the rest can be brought back."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.core.trials.race import Score
from agentdeck.engine.trials import racing
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.landings import Stage
from agentdeck.engine.views.trials import Race, Standing
from agentdeck.engine.world import Note, silent
from agentdeck.errors import MissingToolError, NotFoundError, RefusedError, UsageError
from tests.support.decks import CONFIG, Bench, world_of
from tests.support.racers import profile, writing
from tests.support.retry import eventually

GATE = '\n[landing]\ngate = ["test ! -e broken"]\n'
METRIC = "cat score.txt"


def raced(bench: Bench, racers: str, **options: object) -> Race:
    deck = bench.deck()
    request = StartRequest(task="write it", mode=Mode.HEADLESS, **options)  # type: ignore[arg-type]
    race = deck.races.prepare(request, racers, metric=METRIC)
    deck.races.start(race, request)
    return race


def told(found: Standing) -> dict[str, tuple[int, str]]:
    return {score.name: (place, score.out) for place, score in found.places}


@pytest.fixture
def track(bench: Bench) -> Bench:
    bench.write("agentdeck.toml", CONFIG + GATE)
    bench.commit("rules")
    profile(bench, "good", writing("score.txt", "9 points"))
    profile(bench, "bad", writing("score.txt", "3 points"))
    profile(bench, "breaks", writing("broken", "x"))
    profile(bench, "fails", "exit 3")
    profile(bench, "idle", "true")
    profile(bench, "leaves", "echo 5 > score.txt; mkdir -p tests; echo > tests/test_x.py")
    return bench


def test_all_begin_at_one_commit_and_are_judged_as_they_would_land(track: Bench) -> None:
    race = raced(track, "bad,good,breaks,fails,idle,leaves")
    track.write("later.txt", "1\n")
    track.commit("the base goes on")
    deck = track.deck()
    assert {track.git("merge-base", deck.agent(name).branch, "main") for name in race.names} == {race.commit}
    before = track.git("for-each-ref")
    found = deck.races.standing()
    places = told(found)
    assert [places[name][0] for name in race.names] == [3, 1, 0, 0, 0, 2]
    assert "its gate failed" in places[race.names[2]][1]
    assert "failed" in places[race.names[3]][1]
    assert "nothing" in places[race.names[4]][1]
    score = next(score for _, score in found.places if score.name == race.names[5])
    assert (score.metric, score.tests, score.gate) == (5, ("tests/test_x.py",), "passed")
    assert track.git("for-each-ref") == before  # judging changes nothing
    assert not [view.name for view in deck.agents() if view.name not in race.names]
    assert deck.landings.all() == []
    again = list[str]()
    deck.races.standing("", lambda event: again.append(event.kind))
    assert again == [], "what was judged is not tested again"


def test_the_best_lands_and_the_others_can_be_brought_back(track: Bench) -> None:
    race = raced(track, "bad,good")
    deck = track.deck()
    found = deck.races.standing()
    landing = deck.races.land(found, "best", approved="a test")
    assert landing is not None and landing.entries[0].stage is Stage.LANDED
    assert (track.root / "score.txt").read_text() == "9 points"
    assert [view.name for view in deck.agents()] == [race.names[1]]
    assert deck.races.standing().race.ended
    deck.undo()
    assert deck.agent(race.names[0]).state is State.DONE
    assert deck.races.land(deck.races.standing(), "best") is None  # again: nothing happens


def test_what_was_cut_short_after_the_landing_is_gone_on_with(track: Bench) -> None:
    race = raced(track, "bad,good,idle")
    deck = track.deck()
    found = deck.races.standing()
    removed = list[str]()

    def remove(name: str, note: Note) -> None:
        if removed:
            raise KeyboardInterrupt
        removed.append(name)
        deck.remove(name, note)

    with pytest.raises(KeyboardInterrupt):
        racing.settle(world_of(deck), found, "best", deck.land, remove, approved="", keep=False, note=silent)
    assert len(deck.agents()) == 2 and not deck.races.standing().race.ended
    assert deck.races.land(deck.races.standing(), "best") is None, "it has landed already"
    assert [view.name for view in deck.agents()] == [race.names[1]] and deck.races.standing().race.ended


def test_a_rule_picks_only_where_one_is_the_best() -> None:
    race = Race("id", 0.0, "task", "main", "commit", ())
    places = [(1, Score("a", lines=3)), (1, Score("b", lines=3)), (0, Score("c", out="its gate failed"))]
    tie = Standing(race, tuple(places))
    with pytest.raises(RefusedError, match="a, b are equally good"):
        racing.pick(tie, "best")
    with pytest.raises(NotFoundError):
        racing.pick(tie, "nobody")
    with pytest.raises(RefusedError, match="c can't land: its gate failed"):
        racing.pick(tie, "c")
    with pytest.raises(RefusedError, match="Nobody"):
        racing.pick(Standing(race, tuple(places[2:])), "best")
    with pytest.raises(RefusedError, match="has not come to its end"):
        racing.pick(Standing(race, (places[0], (0, Score("d", ready=False)))), "best")
    assert racing.pick(tie, "b") == "b"
    assert racing.pick(Standing(race, (places[0], places[2])), "best") == "a"


def test_a_race_that_could_not_run_begins_nothing(track: Bench) -> None:
    text = 'title = "m"\ncommand = "no-such-program"\ninstall = "-"\n'
    words = '["no-such-program", "{prompt}"]'
    text += f"[interactive]\nprompt = {words}\n[headless]\nprompt = {words}\n"
    track.write(".config/agentdeck/profiles/missing.toml", text, cwd=track.home)
    deck = track.deck()
    for racers, error in [("good,nobody", NotFoundError), ("good", UsageError), ("good,missing", MissingToolError)]:
        with pytest.raises(error):
            deck.races.prepare(StartRequest(task="write it"), racers)
    assert deck.agents() == [] and deck.races.all() == []


def test_the_same_id_is_the_same_race(track: Bench) -> None:
    first = raced(track, "good,bad", id="once")
    second = raced(track, "good,bad", id="once")
    assert first.id == second.id and len(track.deck().agents()) == 2


def test_one_that_asks_holds_up_nobody(track: Bench) -> None:
    deck = track.deck()
    request = StartRequest(task="do it [ask]", mode=Mode.INTERACTIVE)
    race = deck.races.prepare(request, "demo,good")
    deck.races.start(race, request, wait=False)
    eventually(lambda: deck.agent(race.names[0]).state is State.WAITING)
    eventually(lambda: not deck.agent(race.names[1]).alive)
    found = deck.races.standing()
    assert "asks" in told(found)[race.names[0]][1] and told(found)[race.names[1]][0] == 1
    with pytest.raises(RefusedError, match="not come to its end"):
        deck.races.land(found, "best")
    deck.races.land(found, race.names[1])
    assert [view.name for view in deck.agents()] == [race.names[1]]


def test_a_gate_that_a_killed_judge_left_is_removed_by_the_next_verb(track: Bench) -> None:
    track.write("agentdeck.toml", CONFIG + '\n[landing]\ngate = ["sleep 600"]\n')
    track.commit("slow gate")
    raced(track, "good,bad")
    script = (
        "import os,threading,time\nfrom agentdeck.engine.deck import Deck\n"
        "threading.Timer(2.5, os._exit, (9,)).start()\nDeck.find().races.standing()\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=track.root, check=False, timeout=60)
    deck = track.deck()
    assert any(view.name.startswith("gate-") for view in deck.agents()) or deck.store.names()
    deck.repair()
    assert not [name for name in deck.store.names() if name.startswith("gate-")]
