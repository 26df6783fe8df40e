"""What people do to a repository behind the program's back: folders and branches gone, everything moved elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.retry import eventually
from tests.support.verdicts import assert_no_bug, assert_ok, assert_refused

VERBS = (("ls",), ("show", "fix"), ("logs", "fix"), ("doctor",), ("ports",), ("prune",))


def look(root: Path) -> None:
    for verb in VERBS:
        assert_no_bug(agentdeck(*verb, cwd=root))


def sleeper(bench: Bench) -> Path:
    view = bench.deck().start(StartRequest(name="fix", argv=("sleep", "600")))
    assert view.worktree is not None
    eventually(lambda: bench.deck().agent("fix").state is State.WORKING)
    return view.worktree


def test_a_worktree_is_removed_under_a_running_agent(bench: Bench) -> None:
    worktree = sleeper(bench)
    shutil.rmtree(worktree)
    look(bench.root)
    assert bench.deck().agent("fix").alive
    assert "worktree is gone" in agentdeck("--json", "doctor", cwd=bench.root).stdout
    assert_refused(agentdeck("diff", "fix", cwd=bench.root), ExitCode.NOT_FOUND, says=["worktree of fix is gone"])
    assert_refused(agentdeck("merge", "fix", cwd=bench.root), ExitCode.REFUSED, ExitCode.FAILED, ExitCode.NOT_FOUND)
    assert_ok(agentdeck("stop", "fix", cwd=bench.root))
    assert_ok(agentdeck("resume", "fix", cwd=bench.root))
    assert (worktree / "README.md").exists(), "it is made again"
    assert (worktree / ".env.local").exists()
    shutil.rmtree(worktree)
    assert_ok(agentdeck("rm", "--stop", "fix", cwd=bench.root))
    assert bench.worktrees() == [str(bench.root)]
    assert bench.deck().agents() == []


def test_git_worktree_remove_under_a_running_agent(bench: Bench) -> None:
    worktree = sleeper(bench)
    bench.git("worktree", "remove", "--force", "--force", str(worktree))
    look(bench.root)
    assert_ok(agentdeck("rm", "--stop", "fix", cwd=bench.root))
    assert bench.deck().agents() == []


def test_the_branch_is_deleted(bench: Bench) -> None:
    view = finished(bench, "fix", {"new.txt": "new\n"})
    bench.git("update-ref", "-d", f"refs/heads/{view.branch}")
    look(bench.root)
    for verb in (("diff", "fix"), ("merge", "fix"), ("resume", "fix")):
        done = agentdeck(*verb, cwd=bench.root)
        assert_no_bug(done)
    assert view.worktree is not None
    assert (view.worktree / "new.txt").exists()
    bench.deck().stop("fix")
    assert_ok(agentdeck("rm", "fix", cwd=bench.root))
    assert bench.deck().agents() == []
    assert_ok(agentdeck("undo", cwd=bench.root))
    assert (view.worktree / "new.txt").read_text() == "new\n"


def test_the_repository_is_moved_while_its_agents_rest(bench: Bench) -> None:
    view = finished(bench, "fix", {"new.txt": "new\n"})
    assert view.worktree is not None
    bench.write("more.txt", "not committed\n", cwd=view.worktree)
    new = bench.root.parent / "another place"
    bench.root.rename(new)
    told = agentdeck("ls", cwd=new)
    assert "fix" in assert_ok(told)
    assert "moved" in told.stderr
    look(new)
    moved = Deck.find(new).agent("fix")
    assert moved.worktree == new / ".worktrees" / "fix"
    assert moved.log is not None
    assert moved.log.is_relative_to(new)
    assert "new.txt" in assert_ok(agentdeck("diff", "--stat", "fix", cwd=new))
    assert_ok(agentdeck("resume", "fix", cwd=new))
    Deck.find(new).wait("fix")
    assert not bench.root.exists(), "nothing is made at the old place"
    assert_ok(agentdeck("rm", "fix", cwd=new))
    assert_ok(agentdeck("undo", cwd=new))
    assert (new / ".worktrees/fix/more.txt").read_text() == "not committed\n"
    assert not bench.root.exists()


def test_the_repository_is_moved_while_an_agent_runs(bench: Bench) -> None:
    gate = bench.home / "gate"
    line = f"echo begun; while [ ! -e '{gate}' ]; do sleep 0.05; done; echo ended; echo made > here.txt"
    deck = bench.deck()
    deck.start(StartRequest(name="fix", argv=("sh", "-c", line)))
    eventually(lambda: deck.agent("fix").state is State.WORKING)
    new = bench.root.parent / "another place"
    bench.root.rename(new)
    assert "working" in assert_ok(agentdeck("ls", cwd=new))
    gate.touch()
    moved = Deck.find(new)
    assert moved.wait("fix").state is State.DONE
    assert [line.text for line in moved.log_lines("fix")][:2] == ["begun", "ended"]
    assert (new / ".worktrees/fix/here.txt").read_text() == "made\n"
    assert not bench.root.exists(), "nothing is made at the old place"
    assert_ok(agentdeck("rm", "fix", cwd=new))
    assert Deck.find(new).agents() == []


def test_a_copy_of_a_repository_is_no_move(bench: Bench) -> None:
    """The copy has records of worktrees that are the other's: it must leave them alone."""
    view = finished(bench, "fix", {"new.txt": "new\n"})
    copy = bench.root.parent / "copy"
    shutil.copytree(bench.root, copy, symlinks=True, ignore=shutil.ignore_patterns(".poke"))
    assert_no_bug(agentdeck("ls", cwd=copy))
    assert bench.deck().agent("fix").worktree == view.worktree
    assert_ok(agentdeck("diff", "fix", cwd=bench.root))
    assert str(view.worktree) in bench.worktrees()


def test_a_detached_head_is_no_base_by_itself(bench: Bench) -> None:
    bench.git("checkout", "-q", "--detach")
    done = agentdeck("run", "-d", "--name", "fix", "--", "true", cwd=bench.root)
    assert_no_bug(done)
    if done.returncode:
        assert_refused(done, ExitCode.REFUSED, ExitCode.USAGE, says=["--base"])
        assert_ok(agentdeck("run", "-d", "--name", "fix", "--base", "main", "--", "true", cwd=bench.root))
    bench.deck().wait("fix")
    look(bench.root)
    assert_no_bug(agentdeck("merge", "fix", cwd=bench.root))
    assert_ok(agentdeck("rm", "fix", cwd=bench.root))


@pytest.mark.parametrize("verb", [("ls",), ("doctor",), ("prune",), ("ports",), ("config",), ("undo", "--list")])
def test_an_empty_repository(bench: Bench, verb: tuple[str, ...]) -> None:
    empty = bench.root.parent / "empty"
    empty.mkdir()
    bench.git("init", "-q", "-b", "main", cwd=empty)
    assert_no_bug(agentdeck(*verb, cwd=empty))
    done = agentdeck("run", "-d", "--", "true", cwd=empty)
    assert_refused(done, ExitCode.REFUSED, says=["no commit yet", "commit --allow-empty"])
