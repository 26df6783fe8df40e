from __future__ import annotations

import pytest

from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.forge import check_run, github_pull, stand_in
from tests.support.racers import profile, writing


def test_from_an_issue_to_a_pull_request_that_is_followed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    profile(bench, "works", writing("a.txt", "1"))
    forge = stand_in(bench, monkeypatch, "gh")
    issue = {"number": 5, "title": "Empty cart", "body": "It crashes", "url": "https://github.com/acme/shop/issues/5"}
    forge.answers({"issue": {**issue, "comments": []}})
    none = agentdeck("pr", cwd=bench.root)
    assert none.returncode == ExitCode.OK and "agentdeck pr NAME" in none.stderr
    started = agentdeck("run", "--issue", "5", "-a", "works", cwd=bench.root)
    assert started.returncode == ExitCode.OK and started.stdout == "5-empty-cart\n", started.stderr
    again = agentdeck("run", "--issue", "5", "-a", "works", "-d", cwd=bench.root)
    assert again.stdout == "5-empty-cart\n" and len(bench.deck().agents()) == 1
    assert agentdeck("pr", "5", cwd=bench.root).stdout == "https://github.com/acme/shop/pull/12\n"
    pull = github_pull(forge.head("agentdeck/5-empty-cart"), statusCheckRollup=[check_run("test", "")])
    forge.answers({"pr": pull, "threads": []})
    checked = agentdeck("pr", "--check", cwd=bench.root)
    assert checked.returncode == ExitCode.OK and "#12 … 0/1" in checked.stdout, checked.stderr
    assert "#12 … 0/1" in agentdeck("ls", cwd=bench.root).stdout
    (told,) = objects(agentdeck("pr", "--json", cwd=bench.root).stdout)
    assert (told["pulls"][0]["agent"], told["pulls"][0]["pending"]) == ("5-empty-cart", 1)
    forge.answers({})
    failed = agentdeck("pr", "--check", cwd=bench.root)
    assert failed.returncode == ExitCode.NOT_FOUND and "gh pr view" in failed.stderr
    forge.answers({"pr": {**pull, "state": "MERGED"}, "threads": []})
    assert agentdeck("pr", "--check", cwd=bench.root).returncode == ExitCode.OK
    watched = agentdeck("pr", "--watch", cwd=bench.root)
    assert watched.returncode == ExitCode.OK and "No pull request is open" in watched.stderr
    assert "landed" in agentdeck("ls", cwd=bench.root).stdout


@pytest.mark.parametrize(
    "words", [["pr", "fix", "--watch"], ["pr", "--draft"], ["pr", "--no-react"], ["run", "--issue", "5", "--", "true"]]
)
def test_what_makes_no_sense_is_a_usage_error(bench: Bench, words: list[str]) -> None:
    assert agentdeck(*words, cwd=bench.root).returncode == ExitCode.USAGE
