"""A lock of a ref that a killed git left behind stops nobody; one that somebody may hold stays."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.system.git import locks
from agentdeck.system.git import repository as git
from agentdeck.system.git.repository import Repository
from tests.support.repos import MakeRepo


@pytest.fixture
def there(repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(git, "_LOCK_PATIENCE", 0.1)
    found = repo().repo
    assert found.run("branch", "old")
    return found


def lock(there: Repository, path: str, age: float) -> Path:
    made = there.common / f"{path}.lock"
    made.touch()
    moment = time.time() - age
    os.utime(made, (moment, moment))
    return made


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No git runs, whoever else tests on this machine."""
    monkeypatch.setattr(locks, "_git_runs_since", lambda moment: False)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("refs/heads/old", ("branch", "-D", "old")),
        ("packed-refs", ("branch", "-D", "old")),
        ("config", ("config", "a.b", "c")),
        ("HEAD", ("symbolic-ref", "HEAD", "refs/heads/old")),
    ],
)
def test_an_old_lock_that_nobody_holds_stops_nobody(there: Repository, path: str, words: tuple[str, ...]) -> None:
    left = lock(there, path, age=60)
    assert there.run(*words)
    assert not left.exists()


@pytest.mark.usefixtures("nobody")
def test_a_new_lock_and_the_indexs_stay(there: Repository) -> None:
    kept = lock(there, "refs/heads/old", age=1)
    assert "refs/heads/old.lock" in there.run("branch", "-D", "old").complaint
    index = lock(there, "index", age=3600)
    assert "index.lock" in there.run("rm", "--cached", "-r", ".").complaint
    assert kept.exists()
    assert index.exists()


@pytest.fixture
def running(there: Repository) -> Iterator[None]:
    with subprocess.Popen(["git", "cat-file", "--batch"], cwd=there.folder, stdin=subprocess.PIPE) as process:
        yield
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.usefixtures("running")
def test_a_lock_stays_while_a_git_runs_that_may_have_made_it(there: Repository) -> None:
    path = lock(there, "refs/heads/old", age=-5)
    complaint = there.run("branch", "-D", "old").err
    assert locks.left_behind(there.common, there.folder, complaint, time.time() + 60) is None
    assert path.exists()


@pytest.mark.usefixtures("nobody")
def test_nothing_outside_of_the_git_folder_is_taken_away(there: Repository, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (there.common / "refs/heads/away").symlink_to(mine)
    (mine / "it.lock").touch()
    os.utime(mine / "it.lock", (1, 1))
    complaint = f"Unable to create '{there.common}/refs/heads/away/it.lock': File exists.".encode()
    assert locks.left_behind(there.common, there.folder, complaint, time.time()) is None
