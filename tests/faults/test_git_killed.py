"""git is killed in the midst of a verb, or has left its lock behind: nothing is lost, and the next verb mends it."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

import pytest

from agentdeck.engine.views import StartRequest
from tests.support.cli import agentdeck
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.share import steps
from tests.support.verdicts import assert_no_bug, assert_ok

WRAPPER = """#!/bin/sh
# Counts its calls, and is killed at the one that is named in FATAL, just before or in the midst of git's own work.
echo x >> "$AGENTDECK_TEST_CALLS"
if [ "$(wc -l < "$AGENTDECK_TEST_CALLS")" -eq "$AGENTDECK_TEST_FATAL" ]; then
    "$AGENTDECK_TEST_GIT" "$@" &
    child=$!
    sleep 0.004
    kill -9 $child $$
fi
exec "$AGENTDECK_TEST_GIT" "$@"
"""


class DeadlyGit:
    """A `git` in PATH that is killed at its N-th call."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        program = folder / "git"
        program.write_text(WRAPPER)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.calls = folder / "calls"

    def environment(self, fatal: int) -> dict[str, str]:
        self.calls.write_text("")
        return {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "AGENTDECK_TEST_GIT": shutil.which("git") or "git",
            "AGENTDECK_TEST_CALLS": str(self.calls),
            "AGENTDECK_TEST_FATAL": str(fatal),
        }

    def count(self) -> int:
        return len(self.calls.read_text().splitlines())


@pytest.fixture
def deadly(tmp_path: Path) -> DeadlyGit:
    return DeadlyGit(tmp_path / "deadly")


def assert_whole(bench: Bench) -> None:
    """git finds nothing wrong, no lock is left, and no worktree that nobody has."""
    bench.git("fsck", "--no-dangling", "--connectivity-only")
    assert bench.git("status", "--porcelain") == ""
    held = {str(view.worktree) for view in bench.deck().agents()}
    assert {path for path in bench.worktrees() if path != str(bench.root)} == held


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_in_a_start(bench: Bench, deadly: DeadlyGit) -> None:
    start = ("run", "--detach", "--name", "fix", "--", "sleep", "600")
    assert_ok(agentdeck(*start, cwd=bench.root, env=deadly.environment(0)))
    calls = deadly.count()
    bench.deck().remove("fix", stop=True)
    assert calls > 5
    for fatal in steps(calls, 8):
        done = agentdeck(*start, cwd=bench.root, env=deadly.environment(fatal))
        assert_no_bug(done)
        assert_ok(agentdeck("ls", cwd=bench.root))
        if not bench.deck().agents():
            assert_whole(bench)
            assert_ok(agentdeck(*start, cwd=bench.root))
        assert_whole(bench)
        bench.deck().remove("fix", stop=True)
        assert bench.branches() == ["main"], fatal


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_in_a_removal(bench: Bench, deadly: DeadlyGit) -> None:
    def make() -> None:
        view = bench.deck().start(StartRequest(name="fix", argv=("true",)))
        assert view.worktree is not None
        bench.deck().wait("fix")
        bench.write("mine.txt", "work\n", cwd=view.worktree)

    make()
    assert_ok(agentdeck("rm", "fix", cwd=bench.root, env=deadly.environment(0)))
    for fatal in steps(deadly.count(), 8):
        make()
        assert_no_bug(agentdeck("rm", "fix", cwd=bench.root, env=deadly.environment(fatal)))
        assert_ok(agentdeck("ls", cwd=bench.root))
        if bench.deck().agents():
            assert_ok(agentdeck("rm", "fix", cwd=bench.root))
        assert_whole(bench)
        assert_ok(agentdeck("undo", cwd=bench.root))
        view = bench.deck().agent("fix")
        assert view.worktree is not None
        assert (view.worktree / "mine.txt").read_text() == "work\n", fatal
        assert_ok(agentdeck("rm", "fix", cwd=bench.root))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_in_a_landing_and_a_diff(bench: Bench, deadly: DeadlyGit) -> None:
    finished(bench, "probe", {"probe.txt": "made\n"})
    assert_ok(agentdeck("diff", "probe", cwd=bench.root, env=deadly.environment(0)))
    for fatal in steps(deadly.count(), 6):
        assert_no_bug(agentdeck("diff", "probe", cwd=bench.root, env=deadly.environment(fatal)))
    assert "made" in assert_ok(agentdeck("diff", "probe", cwd=bench.root))
    assert_ok(agentdeck("merge", "probe", cwd=bench.root, env=deadly.environment(0)))
    for fatal in steps(deadly.count(), 8):
        name = f"fix-{fatal}"
        finished(bench, name, {f"{name}.txt": "made\n"})
        before = bench.git("rev-parse", "main")
        assert_no_bug(agentdeck("merge", name, cwd=bench.root, env=deadly.environment(fatal)))
        assert_ok(agentdeck("ls", cwd=bench.root))
        if bench.git("rev-parse", "main") == before:
            assert_ok(agentdeck("merge", name, cwd=bench.root))
        assert bench.git("show", f"main:{name}.txt") == "made", fatal
        assert (bench.root / f"{name}.txt").exists(), fatal
        assert_whole(bench)


def test_a_lock_that_git_left_behind(bench: Bench) -> None:
    """In the main worktree it keeps no agent from anything; in the agent's own it is told, and nothing is lost."""
    view = finished(bench, "fix", {"new.txt": "new\n"}, commit=False)
    assert view.worktree is not None
    (bench.root / ".git" / "index.lock").touch()
    assert_ok(agentdeck("run", "--detach", "--name", "other", "--", "sleep", "600", cwd=bench.root))
    own = bench.root / ".git" / "worktrees" / view.worktree.name / "index.lock"
    own.touch()
    old = time.time() - 3600
    os.utime(own, (old, old))
    assert "new.txt" in assert_ok(agentdeck("diff", "--stat", "fix", cwd=bench.root))
    done = agentdeck("rm", "fix", cwd=bench.root)
    assert_no_bug(done)
    if done.returncode:
        assert "index.lock" in done.stderr
        own.unlink()
        agentdeck("rm", "fix", cwd=bench.root)
    assert [each.name for each in bench.deck().agents()] == ["other"]
    assert_ok(agentdeck("undo", cwd=bench.root))
    assert (view.worktree / "new.txt").exists()
