from __future__ import annotations

import pytest

from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck, objects
from tests.support.decks import CONFIG, Bench
from tests.support.racers import profile, writing


@pytest.fixture
def track(bench: Bench) -> Bench:
    bench.write("agentdeck.toml", CONFIG + '\n[landing]\ngate = ["test -e a.txt"]\n')
    bench.commit("rules")
    profile(bench, "small", writing("a.txt", "1\n"))
    profile(bench, "large", writing("a.txt", "1\n2\n3\n"))
    profile(bench, "none", writing("b.txt", "1\n"))
    return bench


def test_a_race_is_run_compared_and_landed(track: Bench) -> None:
    done = agentdeck("run", "--race", "large,small,none", "-n", "fix", "do it", cwd=track.root)
    assert done.returncode == ExitCode.OK, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["fix-2", "fix-1", "fix-3"]
    assert lines[1].split()[0] == "1" and "its gate failed" in lines[3]
    compared = agentdeck("race", "--diff", cwd=track.root, env={"COLUMNS": "80"})
    assert "fix-2" in compared.stdout.splitlines()[0] and "fix-1" in compared.stdout.splitlines()[0]
    assert " │ +3" in compared.stdout and all(len(line) <= 80 for line in compared.stdout.splitlines())
    (found,) = objects(agentdeck("race", "fix-1", "--json", cwd=track.root).stdout)
    assert [(each["name"], each["place"]) for each in found["racers"]] == [("fix-2", 1), ("fix-1", 2), ("fix-3", 0)]
    assert agentdeck("race", "--land", "fix-3", cwd=track.root).returncode == ExitCode.REFUSED
    assert agentdeck("race", "--land", "fix", cwd=track.root).returncode == ExitCode.NOT_FOUND
    landed = agentdeck("race", "--land", "best", cwd=track.root)
    assert landed.returncode == ExitCode.OK, landed.stderr
    assert [view.name for view in track.deck().agents()] == ["fix-2"]
    assert agentdeck("undo", cwd=track.root).returncode == ExitCode.OK
    (audit,) = objects(agentdeck("audit", "--json", cwd=track.root).stdout)
    assert audit["landings"][0]["approved_how"] == "the rule of --land best"
    assert "fix-2" in agentdeck("race", "--list", cwd=track.root).stdout


def test_a_race_that_lands_by_itself(track: Bench) -> None:
    words = ["run", "--race", "large,small", "--metric", "wc -l < a.txt", "--land", "best", "--json", "do it"]
    done = agentdeck(*words, cwd=track.root)
    assert done.returncode == ExitCode.OK, done.stderr
    race = next(each for each in objects(done.stdout) if each["type"] == "race")
    assert [(each["profile"], each["metric"]) for each in race["racers"]] == [("large", 3), ("small", 1)]
    assert (track.root / "a.txt").read_text() == "1\n2\n3\n"


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--metric", "true", "do it"],
        ["run", "--race", "small", "do it"],
        ["run", "--race", "small,large"],
        ["run", "--race", "small,large", "-a", "small", "do it"],
        ["run", "--race", "small,large", "-d", "--land", "best", "do it"],
        ["run", "--race", "small,large", "--", "true"],
        ["run", "-f", "tasks.toml", "--race", "small,large"],
        ["race", "--keep"],
    ],
)
def test_a_race_that_makes_no_sense_is_a_usage_error(track: Bench, words: list[str]) -> None:
    assert agentdeck(*words, cwd=track.root).returncode == ExitCode.USAGE


def test_there_is_no_race_yet(track: Bench) -> None:
    done = agentdeck("race", cwd=track.root)
    assert done.returncode == ExitCode.NOT_FOUND and "agentdeck run --race" in done.stderr
