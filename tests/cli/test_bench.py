from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from agentdeck.core.trials.results import BenchResult
from agentdeck.errors import ExitCode
from tests.support.cli import PROGRAM, agentdeck, objects
from tests.support.decks import CONFIG, Bench
from tests.support.racers import profile, writing
from tests.support.retry import eventually

TIERS = '\n[budgets]\ndeep_share = 0.2\n\n[tiers]\nroutine = ["anthropic:large"]  # why\n'
SUITE = '[[task]]\nname = "one"\ncommit = "main"\ntask = "Write it"\ncheck = ["test -e a.txt"]\n'


@pytest.fixture
def lab(bench: Bench) -> Bench:
    bench.write("agentdeck.toml", CONFIG + TIERS)
    bench.commit("rules")
    profile(bench, "good", writing("a.txt", "1"))
    return bench


def test_a_suite_is_run_and_shown_again(lab: Bench, tmp_path: Path) -> None:
    suite = lab.write("suite.toml", SUITE, cwd=tmp_path)
    done = agentdeck("bench", str(suite), "--tiers", "routine", "-a", "good", "--no-box", "--json", cwd=lab.root)
    assert done.returncode == ExitCode.OK, done.stderr
    (told,) = objects(done.stdout)
    assert [each["passed"] for each in told["results"]] == [True]
    assert "agents can read the checks" in done.stderr and told["proposal"]["moves"] == []
    again = agentdeck("bench", str(suite.with_suffix(".jsonl")), cwd=lab.root)
    assert again.returncode == ExitCode.OK and "anthropic:large" in again.stdout and "40 are needed" in again.stdout


def test_a_proposal_is_a_patch_that_applies_and_is_not_applied(lab: Bench, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    lines = [
        BenchResult("b", "t", "x", at, "p", model, at < passed, cost=cost).to_line()
        for model, passed, cost in [("anthropic:large", 40, 1.0), ("openai:small", 40, 0.1)]
        for at in range(40)
    ]
    path.write_text("\n".join(lines) + "\n")
    before = (lab.root / "agentdeck.toml").read_text()
    done = agentdeck("bench", str(path), "--tiers", "routine", cwd=lab.root)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "openai:small leads routine" in done.stdout
    assert (lab.root / "agentdeck.toml").read_text() == before
    (told,) = objects(agentdeck("bench", str(path), "--tiers", "routine", "--json", cwd=lab.root).stdout)
    patch = told["proposal"]["diff"] + "\n"
    subprocess.run(["git", "apply", "-"], cwd=lab.root, input=patch, text=True, check=True)
    assert 'routine = ["openai:small", "anthropic:large"]' in (lab.root / "agentdeck.toml").read_text()
    assert "# why" in (lab.root / "agentdeck.toml").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["bench", "suite.toml"],
        ["bench", "suite.toml", "--tiers", ","],
        ["bench", "nothing.jsonl"],
        ["bench", "suite.toml", "--tiers", "routine", "--floor", "2"],
        ["route"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(lab: Bench, words: list[str]) -> None:
    lab.write("suite.toml", SUITE)
    assert agentdeck(*words, cwd=lab.root).returncode == ExitCode.USAGE


def test_a_file_that_holds_no_results_is_told(lab: Bench) -> None:
    lab.write("odd.jsonl", "[]\n{}\n")
    done = agentdeck("bench", "odd.jsonl", cwd=lab.root)
    assert done.returncode == ExitCode.CONFIG and "odd.jsonl:1" in done.stderr


def test_a_task_gets_a_tier(lab: Bench) -> None:
    done = agentdeck("route", "Fix the typo in README.md", cwd=lab.root)
    assert done.stdout.startswith("routine (anthropic:large): it says “typo”")
    (told,) = objects(agentdeck("route", "--json", "Find the root cause of the deadlock", cwd=lab.root).stdout)
    assert told["tier"] == "deep" and told["chain"] == [] and told["alert"] is False and told["deep_limit"] == 0.2


def test_a_nightly_one_is_a_schedule_with_a_file_of_tasks(lab: Bench, tmp_path: Path) -> None:
    suite = lab.write("suite.toml", SUITE.replace("[[task]]", 'agent = "good"\n[[task]]'), cwd=tmp_path)
    out = tmp_path / "results.jsonl"
    words = [*PROGRAM, "bench", str(suite), "--tiers", "routine", "--no-box", "--out", str(out)]
    lab.write("nightly.toml", f"[[task]]\nname = 'bench'\ncommand = {json.dumps(words)}\n")
    rules = '\n[schedule.bench]\ncron = "0 2 * * *"\nfile = "nightly.toml"\n'
    lab.write("agentdeck.toml", CONFIG + TIERS + rules)
    lab.deck().schedules.run("bench")
    eventually(lambda: out.exists() and len(out.read_text().splitlines()) == 1, timeout=60, pause=0.2)
    assert '"passed": true' in out.read_text()
