"""Removals taken back, and taken back again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agentdeck.core.agent import Phase, State
from agentdeck.engine.landings import LandRequest
from agentdeck.engine.views import StartRequest
from agentdeck.errors import NotFoundError, RefusedError
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.pictures import picture
from tests.support.retry import eventually


def start(bench: Bench, name: str = "fix") -> Path:
    view = bench.deck().start(StartRequest(name=name, argv=("sleep", "600")))
    assert view.worktree is not None
    return view.worktree


def work(bench: Bench, worktree: Path) -> None:
    bench.write("done.txt", "committed\n", cwd=worktree)
    bench.commit("Work", cwd=worktree)
    bench.write("README.md", "# staged\n", cwd=worktree)
    bench.git("add", "README.md", cwd=worktree)
    bench.write("src/app.py", "print('unstaged')\n", cwd=worktree)
    bench.write("new ü.txt", "untracked\n", cwd=worktree)
    with sqlite3.connect(worktree / ".agentdeck/db.sqlite3") as database:
        database.execute("insert into note values('mine')")
    database.close()


def notes(worktree: Path) -> list[str]:
    with sqlite3.connect(worktree / ".agentdeck/db.sqlite3") as database:
        rows = database.execute("select text from note").fetchall()
    database.close()
    return [row[0] for row in rows]


def test_a_removed_agent_comes_back_with_all_it_held_and_can_be_resumed(bench: Bench) -> None:
    worktree = start(bench)
    work(bench, worktree)
    deck = bench.deck()
    deck.stop("fix")
    before, ports, events = picture(worktree), deck.agent("fix").ports, deck.store.events("fix")
    deck.remove("fix")
    assert not worktree.exists()
    step = deck.undo()
    assert step.undoes == 1
    view = deck.agent("fix")
    assert (view.state, view.agent.phase, view.ports) == (State.STOPPED, Phase.HELD, ports)
    after = picture(worktree)
    assert (after.status, after.index, after.head) == (before.status, before.index, before.head)
    assert {name: found for name, found in after.files.items() if not name.startswith(".agentdeck")} == {
        name: found for name, found in before.files.items() if not name.startswith(".agentdeck")
    }
    assert notes(worktree) == ["from the template", "mine"]
    assert deck.store.events("fix")[: len(events)] == events
    assert deck.resume("fix").alive


def test_an_undo_can_be_undone_and_done_again(bench: Bench) -> None:
    worktree = start(bench)
    work(bench, worktree)
    deck = bench.deck()
    deck.remove("fix", stop=True)
    back = deck.undo()
    bench.write("later.txt", "after the undo\n", cwd=worktree)
    gone = deck.undo(back.number)
    assert not worktree.exists()
    assert "did again" in gone.text
    deck.undo(gone.number)
    assert (worktree / "later.txt").read_text() == "after the undo\n"
    assert (worktree / "new ü.txt").read_text() == "untracked\n"
    with pytest.raises(RefusedError, match="undone already"):
        deck.undo(1)


def test_what_was_at_work_comes_back_stopped(bench: Bench) -> None:
    start(bench)
    deck = bench.deck()
    deck.remove("fix", stop=True)
    deck.undo()
    view = deck.agent("fix")
    assert (view.state, view.alive) == (State.STOPPED, False)
    assert "fix" not in bench.windows()


def test_it_refuses_what_cannot_come_back_and_changes_nothing(bench: Bench) -> None:
    deck = bench.deck()
    with pytest.raises(NotFoundError, match="nothing to undo"):
        deck.undo()
    worktree = start(bench)
    deck.remove("fix", stop=True)
    bench.write("mine.txt", "mine\n", cwd=worktree)
    with pytest.raises(RefusedError, match="not empty"):
        deck.undo()
    assert deck.agents() == []
    (worktree / "mine.txt").unlink()
    other = start(bench)
    with pytest.raises(RefusedError, match="an agent “fix” again"):
        deck.undo()
    assert other.is_dir()
    with pytest.raises(NotFoundError, match="no step 7"):
        deck.undo(7)


def test_a_branch_that_went_on_meanwhile_is_left_and_the_work_gets_another(bench: Bench) -> None:
    worktree = start(bench)
    work(bench, worktree)
    tip = bench.git("rev-parse", "HEAD", cwd=worktree)
    deck = bench.deck()
    deck.remove("fix", stop=True)
    bench.git("branch", "agentdeck/fix", "main")
    deck.undo()
    view = deck.agent("fix")
    assert view.branch == "agentdeck/fix-restored"
    assert bench.git("rev-parse", view.branch) == tip
    assert bench.git("rev-parse", "agentdeck/fix") == bench.git("rev-parse", "main")


def test_a_worktree_deleted_by_hand_can_be_removed_and_what_was_staged_comes_back(bench: Bench) -> None:
    import shutil

    worktree = start(bench)
    work(bench, worktree)
    deck = bench.deck()
    deck.stop("fix")
    shutil.rmtree(worktree)
    deck.remove("fix")
    assert bench.worktrees() == [str(bench.root)]
    deck.undo()
    assert bench.git("show", ":README.md", cwd=worktree) == "# staged"
    assert bench.git("log", "-1", "--format=%s", cwd=worktree) == "Work"
    assert eventually(lambda: deck.agent("fix").state is State.STOPPED)


def test_an_undo_that_was_cut_short_and_whose_step_is_gone_is_given_up(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "x\n"})
    deck = bench.deck()
    deck.land(LandRequest(("fix",)))
    journal = bench.write("steps/undo", '{"step": 7, "key": "undo 7 00000000"}', cwd=deck.store.folder)
    with pytest.raises(NotFoundError, match="no step 7"):
        deck.repair()
    assert not journal.exists()
    deck.repair()
    deck.undo()
