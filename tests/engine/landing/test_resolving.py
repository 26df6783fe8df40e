"""A conflict that a person resolves in a window, and one that the agent resolves itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine import roster
from agentdeck.engine.landing import resolving
from agentdeck.engine.records.landings import LandRequest, Stage
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.engine.world import World, silent
from agentdeck.system.git.merges import Method
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.retry import eventually

MERGER = """
title = "Merger"
command = "sh"
install = "It is there."

[headless]
prompt = ["sh", "-c", "{script}", "merger", "{{prompt}}"]

[interactive]
prompt = ["sh", "-c", "{script}", "merger", "{{prompt}}"]
"""
SCRIPT = (
    "case $1 in *'git merge'*) git merge -q --no-edit -X ours main;; "
    "*) echo two > src/app.py; git commit -qam two;; esac"
)  # fmt: skip


def clash(bench: Bench) -> None:
    finished(bench, "one", {"src/app.py": "one\n"})
    finished(bench, "two", {"src/app.py": "two\n"})


@pytest.mark.parametrize("method", [Method.MERGE, Method.SQUASH])
def test_a_person_resolves_it_and_it_goes_through_the_gate(bench: Bench, method: Method) -> None:
    clash(bench)
    deck = bench.deck()

    def person(name: str) -> None:
        assert name == "resolve-two"
        eventually(lambda: "src/app.py" in deck.screen(name))
        deck.send(name, "echo both > src/app.py && git add src/app.py && exit")

    gate = ("grep -q one src/app.py || grep both src/app.py",)
    landing = deck.land(LandRequest(("one", "two"), method=method, gate=gate, resolve=person))
    assert [entry.stage for entry in landing.entries] == [Stage.LANDED, Stage.LANDED], landing.entries
    assert (bench.root / "src/app.py").read_text() == "both\n"
    assert len(bench.git("log", "-1", "--format=%P", "main").split()) == (2 if method is Method.MERGE else 1)
    assert len(bench.worktrees()) == 3
    assert not [ref for ref in bench.trash_refs() if "resolve" in ref]


def test_one_who_gives_up_changes_nothing_and_what_they_did_is_kept(bench: Bench) -> None:
    clash(bench)
    deck = bench.deck()

    def person(name: str) -> None:
        eventually(lambda: "src/app.py" in deck.screen(name))
        deck.send(name, "echo half > src/app.py; exit")

    deck.land(LandRequest(("one",)))
    before = bench.git("rev-parse", "main")
    entry = deck.land(LandRequest(("two",), resolve=person)).entry("two")
    assert "1 conflict is not resolved" in entry.reason
    assert bench.git("rev-parse", "main") == before
    (ref,) = [ref for ref in bench.trash_refs() if "resolve" in ref]
    assert bench.git("show", f"{ref}:work/src/app.py") == "half"


@pytest.mark.parametrize("end", ["git add src/app.py", "git commit -qam Both"])
def test_what_a_person_did_beside_the_resolution_is_kept(bench: Bench, end: str) -> None:
    clash(bench)

    def person(name: str) -> None:
        eventually(lambda: "src/app.py" in bench.deck().screen(name))
        bench.deck().send(name, f"echo both > src/app.py && {end} && echo idea > notes.txt; exit")

    landing = bench.deck().land(LandRequest(("one", "two"), resolve=person))
    assert landing.entry("two").stage is Stage.LANDED
    assert not (bench.root / "notes.txt").exists()
    (ref,) = [ref for ref in bench.trash_refs() if "resolve" in ref]
    assert bench.git("show", f"{ref}:work/notes.txt") == "idea"


@pytest.mark.slow
def test_an_agent_is_asked_to_merge_the_base_and_is_landed_then(bench: Bench) -> None:
    text = MERGER.format(script=SCRIPT)
    bench.write(".config/agentdeck/profiles/merger.toml", text, cwd=bench.home)
    finished(bench, "one", {"src/app.py": "one\n"})
    deck = bench.deck()
    deck.start(StartRequest(name="two", task="write two", profile="merger"))
    assert deck.wait("two").state is State.DONE
    finished(bench, "cmd", {"src/app.py": "three\n"})
    landing = deck.land(LandRequest(("one", "two", "cmd"), hand_back=True))
    assert landing.entry("two").stage is Stage.LANDED, landing.entry("two")
    assert "a command can't be given a task" in landing.entry("cmd").reason
    assert (bench.root / "src/app.py").read_text() == "two\n"


def test_one_that_landed_before_is_waited_for_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    worktree, deck = finished(bench, "two", {"two.txt": "two\n"}).worktree, bench.deck()
    deck.land(LandRequest(("two",)))
    bench.write("main.txt", "more\n")
    bench.commit("More")
    base, found = bench.git("rev-parse", "main"), roster.agent
    looks = 0

    def agent(world: World, name: str) -> AgentView:
        nonlocal looks
        looks += 1
        if looks == 4:
            bench.git("merge", "-q", "--no-edit", "main", cwd=worktree)
        return replace(found(world, name), alive=True)

    monkeypatch.setattr(roster, "agent", agent)
    monkeypatch.setattr(resolving, "ticks", lambda folder: range(9))
    assert resolving._merged(deck._world, lambda note: None, "two", base, silent)
    assert looks == 4
