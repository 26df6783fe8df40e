"""The digest and the brief, of real agents."""

from __future__ import annotations

from agentdeck.core.agents.agent import Fault, Mode, State
from agentdeck.core.reports.brief import next_steps
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.landings import LandRequest
from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.retry import eventually


def test_they_tell_what_landed_failed_and_waits(bench: Bench) -> None:
    deck = bench.deck()
    for name, task in (("good", "take notes"), ("bad", "notes [fail]"), ("asking", "notes [ask]")):
        deck.start(StartRequest(name=name, task=task, profile="demo"))
    eventually(
        lambda: deck.agent("good").state is State.DONE and deck.agent("asking").state is State.WAITING, timeout=40
    )
    eventually(lambda: deck.agent("bad").state is State.FAILED, timeout=40)
    deck.land(LandRequest(("good",)))
    done = agentdeck("digest", cwd=bench.root)
    assert done.returncode == ExitCode.OK, done.stderr
    assert done.stdout.splitlines()[0] == "prøject one: 1 wait, 1 failed, 1 landed"
    assert "  bad  gave up: exited with 1" in done.stdout
    assert "  good  on main as " in done.stdout
    (told,) = objects(agentdeck("digest", "--json", cwd=bench.root).stdout)
    assert [each["agent"] for each in told["waits"]] == ["asking"] and told["missing"] == []

    brief = agentdeck("show", "--brief", "asking", cwd=bench.root).stdout
    assert "asks you: Allow this command?" in brief and "agentdeck answer asking" in brief
    assert "Last output:" in brief and "branch: agentdeck/asking, from main" in brief
    (told,) = objects(agentdeck("show", "--brief", "bad", "--json", cwd=bench.root).stdout)
    assert told["why"].startswith("gave up") and told["next_steps"][-1].startswith("agentdeck resume bad")
    faults = ((State.FAILED, Fault.LIMITED), (State.FAILED, Fault.BUDGET), (State.DONE, Fault.NONE))
    for step in {step for state, fault in faults for step in next_steps("bad", state, None, fault, alive=False)}:
        verb = step.split()[1]
        assert agentdeck(verb, "--help", cwd=bench.root).returncode == ExitCode.OK, step
        if verb in ("diff", "logs", "spend"):
            assert agentdeck(*step.split()[1:], cwd=bench.root).returncode == ExitCode.OK, step
    deck.resume("bad")
    eventually(lambda: deck.agent("bad").state is State.FAILED and deck.agent("bad").agent.runs == 2, timeout=40)
    assert "failed 2 times" in agentdeck("show", "--brief", "bad", cwd=bench.root).stdout


def test_a_source_that_is_broken_is_named(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="fox", task="true", profile="shell", mode=Mode.HEADLESS))
    eventually(lambda: not deck.agent("fox").state.is_live)
    (deck.store.agent_folder("fox") / "agent.json").write_text("{")
    done = agentdeck("digest", cwd=bench.root)
    assert done.returncode == ExitCode.FAILED and "NOT WHOLE: fox can't be read" in done.stdout
