"""Pull, push and pull requests, against a real remote repository; of the forge's program only its call is seen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agentdeck.engine.landings import LandRequest, Stage
from agentdeck.errors import MissingToolError, NotFoundError, RefusedError
from tests.support.decks import Bench
from tests.support.finished import finished


@pytest.fixture
def remote(bench: Bench) -> Path:
    """A bare repository that `main` comes from, one commit ahead of it."""
    folder = bench.root.parent / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)
    bench.git("remote", "add", "origin", str(folder))
    bench.git("push", "-q", "--set-upstream", "origin", "main")
    other = bench.root.parent / "other"
    subprocess.run(["git", "clone", "-q", str(folder), str(other)], check=True)
    bench.write("theirs.txt", "theirs\n", cwd=other)
    bench.commit("Theirs", cwd=other)
    bench.git("push", "-q", cwd=other)
    return folder


def test_pull_fast_forwards_the_base_and_can_be_undone(bench: Bench, remote: Path) -> None:
    before = bench.git("rev-parse", "main")
    assert bench.deck().pull() == "1 commit from origin came to main."
    assert (bench.root / "theirs.txt").exists()
    assert bench.deck().pull() == "main has all that origin has."
    bench.deck().undo()
    assert bench.git("rev-parse", "main") == before
    assert not (bench.root / "theirs.txt").exists()


def test_pull_refuses_what_is_no_fast_forward(bench: Bench, remote: Path) -> None:
    bench.write("mine.txt", "mine\n")
    tip = bench.commit("Mine")
    with pytest.raises(RefusedError, match="both gone on"):
        bench.deck().pull()
    assert bench.git("rev-parse", "main") == tip


def test_a_landing_pulls_first_and_pushes_afterwards(bench: Bench, remote: Path) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    landing = bench.deck().land(LandRequest(("fix",), pull=True, push=True))
    assert landing.entry("fix").stage is Stage.LANDED
    assert landing.pushed == "main was pushed to origin/main."
    assert bench.git("rev-parse", "main", cwd=remote) == bench.git("rev-parse", "main")
    assert (bench.root / "theirs.txt").exists()


def test_without_a_remote_it_says_so(bench: Bench) -> None:
    with pytest.raises(NotFoundError, match="no remote"):
        bench.deck().pull()


def test_a_pull_request_pushes_the_branch_and_calls_the_forges_program(
    bench: Bench, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(MissingToolError):
        bench.deck().propose(LandRequest(("fix",)))
    tools = bench.home / "bin"
    asked = bench.home / "asked"
    program = bench.write(
        "gh", f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {asked}\necho https://example.org/pr/7\n", cwd=tools
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    assert bench.deck().propose(LandRequest(("fix",)), draft=True) == "https://example.org/pr/7"
    words = asked.read_text().splitlines()
    assert words[:6] == ["pr", "create", "--head", "agentdeck/fix", "--base", "main"]
    assert words[words.index("--title") + 1] == "fix: write"
    assert "--draft" in words
    assert bench.git("rev-parse", "agentdeck/fix", cwd=remote) == bench.git("rev-parse", "agentdeck/fix")
