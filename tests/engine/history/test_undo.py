"""Removals taken back, and taken back again."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Phase, State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.lifecycle.resources import Presence
from agentdeck.engine.lifecycle.stack import BY_KIND
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import StartRequest
from agentdeck.errors import DatabaseError, NotFoundError, RefusedError
from tests.support.decks import Bench, world_of
from tests.support.finished import finished
from tests.support.hints import obey
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
    assert "redid" in gone.text
    deck.undo(gone.number)
    assert (worktree / "later.txt").read_text() == "after the undo\n"
    assert (worktree / "new ü.txt").read_text() == "untracked\n"
    with pytest.raises(RefusedError, match="already undone"):
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
    with pytest.raises(RefusedError, match="“fix” exists again"):
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


def test_a_worktree_that_git_knows_no_more_comes_back_as_gone_and_resume_makes_it_again(bench: Bench) -> None:
    import shutil

    deck, view = bench.deck(), finished(bench, "fix", {"fix.txt": "fixed\n"})
    assert view.worktree is not None
    shutil.rmtree(view.worktree)
    bench.git("worktree", "unlock", str(view.worktree))
    bench.git("worktree", "prune", "--expire=now")
    deck.remove("fix")
    deck.undo()
    back = deck.agent("fix")
    assert (back.branch, back.worktree) == (view.branch, view.worktree)
    assert not view.worktree.exists()
    deck.resume("fix")
    deck.wait("fix")
    assert (view.worktree / "fix.txt").read_text() == "fixed\n"
    assert (view.worktree / ".env.local").exists()
    assert (view.worktree / ".agentdeck/db.sqlite3").exists()


@pytest.mark.parametrize("again", ["undo", "the hint"])
def test_an_undo_whose_database_could_not_be_restored_is_tried_again(bench: Bench, again: str) -> None:
    lines = {"create": "echo x://y", "dump": 'echo rows > "$AGENTDECK_DUMP"', "restore": f"test -e {bench.home}/ready"}
    told = "".join(f"{name} = {json.dumps(line)}\n" for name, line in lines.items())
    bench.write("agentdeck.toml", f'[database]\nengine = "command"\n{told}')
    finished(bench, "fix", {"fix.txt": "x\n"})
    deck = bench.deck()
    deck.remove("fix")
    for _ in range(2):
        with pytest.raises(DatabaseError, match=r"database\.restore failed") as caught:
            deck.undo()
        assert "“agentdeck rm fix” removes the agent again" in caught.value.hint
        assert deck.agent("fix").state is State.DONE
    (bench.home / "ready").touch()
    if again == "undo":
        deck.undo()
        assert deck.history.steps()[0].undone
    else:
        obey(caught.value.hint, bench.root)
    assert deck.agent("fix").agent.phase is Phase.HELD


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


def landed_and_removed(bench: Bench, *names: str) -> None:
    """Land the agents, each with a file that is not committed, and remove them; then the base moves on."""
    for name in names:
        finished(bench, name, {f"{name}.txt": "x\n"})
    bench.deck().land(LandRequest(names, remove=True, batch=len(names) > 1))
    assert bench.deck().agents() == []
    bench.write("more.txt", "moved on\n")
    bench.commit("Moved on")


@pytest.mark.parametrize("names", [("one",), ("one", "two")])
def test_agents_that_a_landing_removed_come_back_though_their_base_moved_on(
    bench: Bench, names: tuple[str, ...]
) -> None:
    landed_and_removed(bench, *names)
    deck, main = bench.deck(), bench.git("rev-parse", "main")
    told: list[Event] = []
    step = deck.undo(note=told.append)
    assert [view.name for view in deck.agents()] == list(names)
    assert bench.git("rev-parse", "main") == main
    (text,) = [event.text for event in told if event.kind == EventKind.WARNING]
    assert "main has moved on since" in text
    assert "with a new commit: git -C" in text
    # The landing is still a step, which can't be taken back; the removal is one that can be done again.
    with pytest.raises(RefusedError, match="has moved on"):
        deck.undo()
    deck.undo(step.number)
    assert deck.agents() == []
    assert bench.git("rev-parse", "main") == main


def test_a_landing_is_taken_back_with_its_removals_where_that_can_be(bench: Bench) -> None:
    finished(bench, "one", {"one.txt": "x\n"})
    deck, main = bench.deck(), bench.git("rev-parse", "main")
    deck.land(LandRequest(("one",), remove=True))
    deck.undo()
    assert bench.git("rev-parse", "main") == main
    assert [view.name for view in deck.agents()] == ["one"]


def halted(bench: Bench) -> int:
    """A removal that comes to a halt in its middle: its database can't be dropped. Return its step."""
    line = '[database]\nengine = "command"\ncreate = "echo x://db"\ndrop = "test -e gone"\n'
    bench.write("agentdeck.toml", line)
    deck = bench.deck()
    worktree = deck.start(StartRequest(name="fix", argv=("true",))).worktree
    assert worktree is not None
    deck.wait("fix")
    bench.write("new.txt", "new\n", cwd=worktree)
    bench.write("ignored.sqlite3", "ignored\n", cwd=worktree)
    with pytest.raises(DatabaseError) as told:
        deck.remove("fix")
    assert "rm --keep-database fix" in told.value.hint
    assert deck.agent("fix").agent.phase is Phase.RELEASING
    return deck.history.steps()[-1].number


def test_a_removal_that_came_to_a_halt_can_be_undone(bench: Bench) -> None:
    number, deck = halted(bench), bench.deck()
    with pytest.raises(RefusedError, match="is being removed"):
        deck.resume("fix")
    deck.undo(number)
    worktree = bench.root / ".worktrees/fix"
    # Nothing of it was deleted yet, so what git ignores is there, too.
    assert (worktree / "new.txt").exists()
    assert (worktree / "ignored.sqlite3").exists()
    view = deck.agent("fix")
    assert view.agent.phase is Phase.HELD
    leases = [lease for lease in view.agent.leases if lease.kind != "pane"]
    checks = [BY_KIND[lease.kind].check(world_of(deck), view.agent, lease) for lease in leases]
    assert set(checks) == {Presence.HELD}
    assert (view.state, deck.doctor()[-1].ok) == (State.DONE, True)
    (bench.root / "gone").touch()
    deck.remove("fix")
    assert deck.agents() == []


def test_a_removal_that_came_to_a_halt_is_finished_once_nothing_keeps_it(bench: Bench) -> None:
    number, deck = halted(bench), bench.deck()
    (bench.root / "gone").touch()
    deck.repair()
    assert deck.agents() == []
    deck.undo(number)
    assert (bench.root / ".worktrees/fix/new.txt").exists()


def test_a_removal_that_came_to_a_halt_is_finished_without_its_database(bench: Bench) -> None:
    halted(bench)
    deck = bench.deck()
    deck.remove("fix", keep_database=True)
    assert deck.agents() == []
    assert [stale.kind for stale in deck.history.stale()] == ["database"]
