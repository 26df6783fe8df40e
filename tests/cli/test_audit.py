"""The record of real landings."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.retry import eventually


def landed(bench: Bench, *names: str) -> None:
    deck = bench.deck()
    for name in names:
        deck.start(StartRequest(name=name, task=f"=notes of {name}", profile="demo", mode=Mode.HEADLESS))
        eventually(lambda name=name: deck.agent(name).state is State.DONE, timeout=40)  # type: ignore[misc]
        assert agentdeck("merge", name, "--no-gate", cwd=bench.root).returncode == ExitCode.OK


def test_each_landing_is_recorded_with_who_approved_it(bench: Bench) -> None:
    assert agentdeck("audit", cwd=bench.root).stderr == "Nothing has landed here yet that is recorded.\n"
    bench.write("agentdeck.toml", '[audit]\nrole = "deployer"\n[landing]\ngate = ["true"]\n')
    bench.commit()
    landed(bench, "one")
    assert agentdeck("undo", cwd=bench.root).returncode == ExitCode.OK
    (told,) = objects(agentdeck("audit", "--json", cwd=bench.root).stdout)
    (row,) = told["landings"]
    assert (row["agent"], row["profile"], row["base"], row["undone"]) == ("one", "demo", "main", True)
    assert (row["approved_how"], row["overrides"], row["gate_result"]) == ("script", ["no gate"], "none")
    assert (row["role"], row["committer"], told["broken"]) == ("deployer", "Test <test@example.org>", [])
    (cells,) = csv.DictReader(agentdeck("audit", "--csv", cwd=bench.root).stdout.splitlines())
    assert cells["agent"] == "one" and cells["task"].startswith("'=")
    assert "models" in agentdeck("audit", "--inventory", cwd=bench.root).stdout


def test_a_change_of_the_record_is_told(bench: Bench) -> None:
    landed(bench, "one", "two")
    assert agentdeck("audit", cwd=bench.root).returncode == ExitCode.OK
    path = bench.deck().store.folder / "audit.jsonl"
    first, second = path.read_text().splitlines()
    path.write_text(f"{json.dumps({**json.loads(first), 'agent': 'me'})}\n{second}\n")
    done = agentdeck("audit", cwd=bench.root)
    assert done.returncode == ExitCode.FAILED and "line 1, 2" in done.stderr


def test_the_commit_names_the_program_and_its_model(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="one", task="notes", profile="demo", mode=Mode.HEADLESS))
    eventually(lambda: deck.agent("one").state is State.DONE, timeout=40)
    deck.store.put_status("one", replace(deck.store.status("one"), model="model-1"))
    assert agentdeck("merge", "one", cwd=bench.root).returncode == ExitCode.OK
    assert "\nAssisted-by: demo:model-1" in bench.git("log", "-1", "--format=%B")
    (told,) = objects(agentdeck("audit", "--json", cwd=bench.root).stdout)
    assert told["landings"][0]["models"] == ["model-1"]
