"""kill -9 between any two steps of a start and of a removal: the next verb repairs it, and nothing leaks or is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Phase, State
from agentdeck.engine.lifecycle.resources import Presence
from agentdeck.engine.lifecycle.stack import BY_KIND
from agentdeck.engine.views import StartRequest
from agentdeck.system.machine.ports import PortRegistry
from tests.support.crash import crash
from tests.support.decks import Bench, bench_in, world_of
from tests.support.retry import eventually
from tests.support.share import EVERY

SHARES = 4
"""The steps are dealt to as many tests, so that they run side by side."""


def registry(bench: Bench) -> PortRegistry:
    return PortRegistry(bench.home / ".local/state/agentdeck/ports.json")


def assert_nothing_left(bench: Bench) -> None:
    deck = bench.deck()
    assert bench.worktrees() == [str(bench.root)]
    assert bench.branches() == ["main"]
    assert registry(bench).owners() == []
    assert eventually(lambda: bench.windows() == [])
    assert deck.agents() == []
    assert not [path for path in (deck.store.folder / "agents").glob("*") if any(path.iterdir())]
    assert not list((bench.root / ".worktrees").glob("*"))
    assert bench.git("status", "--porcelain") == ""


def assert_whole(bench: Bench, name: str = "fix") -> None:
    deck = bench.deck()
    view = deck.agent(name)
    assert view.agent.phase is Phase.HELD
    assert [lease.kind for lease in view.agent.leases] == ["worktree", "ports", "database", "env file", "pane"]
    for lease in view.agent.leases:
        assert lease.held
        assert BY_KIND[lease.kind].check(world_of(deck), view.agent, lease) is Presence.HELD
    assert view.alive
    assert eventually(lambda: deck.agent(name).state is State.WORKING)


def steps_of(bench: Bench, verb: str) -> int:
    return len(crash(bench.root, 0, verb, "fix"))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(SHARES) if EVERY else [1])
def test_a_start_killed_at_any_step_is_rolled_back_or_completed(
    share: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench_in(tmp_path, monkeypatch) as bench:
        steps = steps_of(bench, "start")
        assert steps > 20
        bench.deck().remove("fix", stop=True)
        forget_ids(bench)
        completed = 0
        for at in range(1 + share, steps + 1, SHARES):
            crash(bench.root, at, "start", "fix")
            deck = bench.deck()
            deck.repair()
            if deck.agents():
                assert_whole(bench)
                completed += 1
                deck.remove("fix", stop=True)
            else:
                # The id is free again, for its agent never ran.
                again = deck.start(StartRequest(name="fix", argv=("sleep", "600"), id="id of fix"))
                assert again.alive
                deck.remove("fix", stop=True)
            forget_ids(bench)
            assert_nothing_left(bench)
        assert completed < steps // SHARES


def forget_ids(bench: Bench) -> None:
    for path in (bench.deck().store.folder / "ids").glob("*"):
        path.unlink()


def start_with_work(bench: Bench) -> None:
    """An agent with a commit, staged, unstaged and untracked work, and a row in its database."""
    deck = bench.deck()
    view = deck.start(StartRequest(name="fix", argv=("sleep", "600")))
    assert view.worktree is not None
    bench.write("done.txt", "committed\n", cwd=view.worktree)
    bench.commit("Work", cwd=view.worktree)
    bench.write("README.md", "# staged\n", cwd=view.worktree)
    bench.git("add", "README.md", cwd=view.worktree)
    bench.write("src/app.py", "print('unstaged')\n", cwd=view.worktree)
    bench.write("new ü.txt", "untracked\n", cwd=view.worktree)
    with sqlite3.connect(view.worktree / ".agentdeck/db.sqlite3") as database:
        database.execute("insert into note values('mine')")
    database.close()


def assert_saved(bench: Bench) -> None:
    """Everything `start_with_work` made can be had from the trash."""
    from agentdeck.system.git import snapshots

    deck = bench.deck()
    folder = max(deck.store.trash.iterdir(), key=lambda path: path.stat().st_mtime)
    ref = f"refs/agentdeck/trash/fix/{folder.name.removeprefix('fix-')}"
    back = bench.root.parent / "back"
    snapshots.restore(world_of(deck).repo, ref, back)
    assert (back / "new ü.txt").read_text() == "untracked\n"
    assert (back / "src/app.py").read_text() == "print('unstaged')\n"
    assert bench.git("show", ":README.md", cwd=back) == "# staged"
    assert bench.git("log", "-1", "--format=%s", cwd=back) == "Work"
    with sqlite3.connect(next(folder.glob("database*"))) as database:
        assert ("mine",) in database.execute("select text from note").fetchall()
    database.close()
    bench.git("worktree", "remove", "--force", "--force", str(back))
    for branch in bench.branches():
        if branch != "main":
            bench.git("branch", "-D", branch)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(SHARES) if EVERY else [1])
def test_a_removal_killed_at_any_step_is_finished_by_the_next_verb(
    share: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench_in(tmp_path, monkeypatch) as bench:
        start_with_work(bench)
        steps = steps_of(bench, "remove")
        assert steps > 10
        assert_saved(bench)
        for at in range(1 + share, steps + 1, SHARES):
            start_with_work(bench)
            crash(bench.root, at, "remove", "fix")
            deck = bench.deck()
            deck.repair()
            if deck.agents():
                assert deck.agent("fix").agent.phase is Phase.HELD, "it was not begun"
                deck.remove("fix", stop=True)
            assert_nothing_left(bench)
            assert_saved(bench)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_resume_killed_at_any_step_loses_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench_in(tmp_path, monkeypatch) as bench:
        start_with_work(bench)
        deck = bench.deck()
        deck.stop("fix")
        steps = steps_of(bench, "resume")
        for at in range(1, steps + 1):
            deck.stop("fix")
            crash(bench.root, at, "resume", "fix")
            deck = bench.deck()
            deck.repair()
            view = deck.agent("fix")
            assert view.agent.phase is Phase.HELD
            assert view.worktree is not None
            assert (view.worktree / "new ü.txt").exists()
            if not view.alive:
                assert not view.state.is_live
                assert deck.resume("fix").alive
