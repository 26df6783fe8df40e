"""Benchmarks: agents at fixed commits, checks that none of them can see, results that outlive a crash."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentdeck.engine.trials import suites
from agentdeck.engine.views import QueuedTask, TaskEnd
from agentdeck.engine.views.trials import BenchRequest
from agentdeck.engine.world import Note, silent
from agentdeck.errors import ConfigError, NotFoundError, RefusedError
from tests.support.decks import CONFIG, Bench, world_of
from tests.support.racers import profile, writing

TIERS = '\n[tiers]\nroutine = ["anthropic:large", "openai:other"]\ntrial = ["openai:small"]\n'
SUITE = """
agent = "good"
[[task]]
name = "answer"
commit = "start"
task = "Write the answer"
checks = "checks"
check = ["sh hidden.sh"]
timeout = "1m"
"""


@pytest.fixture
def lab(bench: Bench, tmp_path: Path) -> Bench:
    bench.write("agentdeck.toml", CONFIG + TIERS)
    bench.commit("rules")
    bench.git("tag", "start")
    bench.write("later.txt", "1\n")
    bench.commit("later")
    profile(bench, "good", f"test ! -e later.txt && {writing('answer.txt', '42')}")
    profile(bench, "bad", writing("answer.txt", "41"))
    bench.write("suite/suite.toml", SUITE, cwd=tmp_path)
    bench.write("suite/checks/hidden.sh", 'test "$(cat answer.txt)" = 42\n', cwd=tmp_path)
    return bench


def request(bench: Bench, folder: Path, **options: object) -> BenchRequest:
    suite = bench.deck().benchmarks.suite(folder / "suite/suite.toml")
    made = BenchRequest(suite, ("routine",), folder / "results.jsonl", id="one", box=False)
    return replace(made, **options)  # type: ignore[arg-type]


def test_runs_begin_at_their_commit_are_checked_written_down_and_removed(lab: Bench, tmp_path: Path) -> None:
    deck = lab.deck()
    found = deck.benchmarks.run(request(lab, tmp_path, tiers=("routine", "trial"), repeat=2, jobs=4))
    assert [(each.tier, each.number, each.passed) for each in found] == [
        ("routine", 1, True),
        ("trial", 1, True),
        ("routine", 2, True),
        ("trial", 2, True),
    ]
    assert {each.model for each in found} == {"anthropic:large", "openai:small"}
    assert deck.agents() == [] and deck.landings.all() == []
    assert deck.benchmarks.results(tmp_path / "results.jsonl") == found
    assert not (lab.root / "hidden.sh").exists()


def test_what_fails_the_check_did_not_pass(lab: Bench, tmp_path: Path) -> None:
    (found,) = lab.deck().benchmarks.run(request(lab, tmp_path, profile="bad"))
    assert found.passed is False and "hidden.sh" in found.why


def test_an_agent_in_its_box_finds_no_check(lab: Bench, tmp_path: Path) -> None:
    deck = lab.deck()
    script = f"cat {tmp_path}/suite/checks/hidden.sh; ls {tmp_path}/suite; git log --all -p | grep -c 'answer.txt)'"
    profile(lab, "spy", f"({script}) > answer.txt 2>&1; true")
    (found,) = deck.benchmarks.run(request(lab, tmp_path, profile="spy", box=True))
    assert found.passed is False
    deck.undo()
    (view,) = deck.agents()
    assert view.worktree is not None
    said = (view.worktree / "answer.txt").read_text()
    assert "42" not in said and said.count("No such file") == 2 and said.splitlines()[-1] == "0"
    profile(lab, "good", writing("answer.txt", "42"))
    (passed,) = deck.benchmarks.run(request(lab, tmp_path, box=True, id="two"))
    assert passed.passed, passed.why


def test_checks_that_agents_could_read_are_refused(lab: Bench, tmp_path: Path) -> None:
    lab.write("old.sh", (tmp_path / "suite/checks/hidden.sh").read_text())
    lab.commit("the solution")
    lab.git("rm", "-q", "old.sh")
    lab.commit("no more")
    with pytest.raises(RefusedError, match="history"):
        lab.deck().benchmarks.run(request(lab, tmp_path, box=True))
    lab.own(f'[box]\nread = ["{tmp_path}/suite"]\n')
    with pytest.raises(RefusedError, match="boxes show"):
        lab.deck().benchmarks.run(request(lab, tmp_path, box=True))
    assert lab.deck().agents() == [] and not (tmp_path / "results.jsonl").exists()


def test_one_that_could_not_run_begins_nothing(lab: Bench, tmp_path: Path) -> None:
    deck, suite = lab.deck(), tmp_path / "suite/suite.toml"
    changes: list[dict[str, Any]] = [{"profile": "nobody"}, {"tiers": ("nowhere",)}]
    for change in changes:
        with pytest.raises(NotFoundError):
            deck.benchmarks.run(request(lab, tmp_path, **change))
    suite.write_text(SUITE.replace('"start"', '"nowhere"'))
    with pytest.raises(NotFoundError, match="nowhere"):
        deck.benchmarks.run(request(lab, tmp_path))
    for old, new in [("check = ", "chek = "), ('"checks"', '"nothing"'), ('"1m"', '"soon"')]:
        suite.write_text(SUITE.replace(old, new))
        with pytest.raises(ConfigError, match=r"suite\.toml:\d"):
            deck.benchmarks.suite(suite)
    assert deck.agents() == []


def test_it_goes_on_where_it_was_killed(lab: Bench, tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    script = (
        "import sys\nfrom pathlib import Path\nfrom agentdeck.engine.deck import Deck\n"
        "from agentdeck.engine.trials import suites\nfrom agentdeck.engine.views.trials import BenchRequest\n"
        "import os\nold = suites.append_result\n"
        "def once(path, result):\n    old(path, result)\n    os._exit(9)\n"
        "suites.append_result = once\ndeck = Deck.find()\n"
        f"suite = deck.benchmarks.suite(Path({str(tmp_path / 'suite/suite.toml')!r}))\n"
        f"deck.benchmarks.run(BenchRequest(suite, ('routine',), Path({str(out)!r}), 3, 'one', jobs=2, box=False))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=lab.root, check=False, timeout=120, capture_output=True)
    deck = lab.deck()
    (first,) = deck.benchmarks.results(out)
    with out.open("a") as file:
        file.write('{"bench": "cut sho')  # the disk was full
    deck.repair()
    found = deck.benchmarks.run(request(lab, tmp_path, repeat=3, jobs=2))
    assert [each.number for each in found] == [1, 2, 3] and found[0] == first
    assert len(deck.benchmarks.results(out)) == 3 and deck.agents() == []


def test_an_interrupt_ends_its_agents_and_the_same_id_runs_them_again(lab: Bench, tmp_path: Path) -> None:
    profile(lab, "good", "sleep 60")
    deck, asked = lab.deck(), request(lab, tmp_path)

    def interrupted(tasks: Sequence[QueuedTask], jobs: int, note: Note) -> list[TaskEnd]:
        deck.start(tasks[0].request)
        raise KeyboardInterrupt

    world, remove = world_of(deck), lambda name, note: deck.remove(name, note, stop=True)
    with pytest.raises(KeyboardInterrupt):
        suites.Bench(world, asked, interrupted, remove, silent).run()
    assert deck.agents() == []
    assert [each.why for each in deck.benchmarks.results(asked.out)] == ["interrupted"]
    profile(lab, "good", writing("answer.txt", "42"))
    (found,) = lab.deck().benchmarks.run(asked)
    assert found.passed and lab.deck().agents() == []
