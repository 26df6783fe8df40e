"""A removal that is refused has changed nothing: not the record, a lease, the worktree, the database or the window."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Phase, State
from agentdeck.core.agents.events import Event
from agentdeck.engine.lifecycle import removal
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import StartRequest
from agentdeck.errors import DatabaseError, DeckError
from agentdeck.system.databases.sqlite import SqliteDatabase
from agentdeck.system.git import snapshots
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.leaving import writing
from tests.support.mounts import small_disk
from tests.support.pictures import picture
from tests.support.retry import eventually


def machine(bench: Bench) -> dict[str, object]:
    """All that an agent holds, as it is."""
    deck = bench.deck()
    agent = deck.agent("fix").agent
    worktree = bench.root / ".worktrees/fix"
    lease = agent.lease("env file")
    assert lease is not None
    with sqlite3.connect(worktree / ".agentdeck/db.sqlite3") as database:
        rows = database.execute("select text from note").fetchall()
    database.close()
    whole = picture(worktree)
    files = {name: found for name, found in whole.files.items() if name != "log.txt" and "sqlite3" not in name}
    return {
        "record": (deck.store.agent_folder("fix") / "agent.json").read_bytes(),
        "status": deck.store.status("fix"),
        "alive": deck.agent("fix").alive,
        "head": whole.head,
        "files": files,
        "worktrees": bench.git("worktree", "list", "--porcelain"),
        "branches": bench.branches(),
        "trash refs": bench.trash_refs(),
        "trash": sorted(path.name for path in deck.store.trash.glob("*")),
        "beside": sorted(path.name for path in (bench.root / ".worktrees").iterdir()),
        "ports": deck.ports(),
        "windows": bench.windows(),
        "rows": rows,
        "temporary": Path(lease.data["tmp"]).is_dir(),
        "steps": deck.history.steps(),
        "databases": list((deck.store.folder / "databases").glob("*")),
    }


Way = Callable[[Bench, pytest.MonkeyPatch], AbstractContextManager[None]]


@contextmanager
def without_configuration(bench: Bench, patch: pytest.MonkeyPatch) -> Iterator[None]:
    config = bench.root / "agentdeck.toml"
    text = config.read_text()
    config.write_text(text.split("[database]")[0])
    yield
    config.write_text(text)


@contextmanager
def with_a_broken_configuration(bench: Bench, patch: pytest.MonkeyPatch) -> Iterator[None]:
    config = bench.root / "agentdeck.toml"
    text = config.read_text()
    config.write_text("[runner\n")
    yield
    config.write_text(text)


@contextmanager
def a_dump_that_fails(bench: Bench, patch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(*_: object) -> None:
        raise DatabaseError("The dump fails.")

    with patch.context() as inner:
        inner.setattr(SqliteDatabase, "dump", fail)
        yield


@contextmanager
def a_server_that_does_not_answer(bench: Bench, patch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(*_: object) -> bool:
        raise DatabaseError("It does not answer.")

    with patch.context() as inner:
        inner.setattr(SqliteDatabase, "exists", fail)
        yield


@contextmanager
def a_snapshot_that_fails(bench: Bench, patch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with patch.context() as inner:
        inner.setattr(snapshots, "take_of", fail)
        yield


@contextmanager
def a_file_that_is_written(bench: Bench, patch: pytest.MonkeyPatch) -> Iterator[None]:
    with writing("date +%N >>log.txt", bench.root / ".worktrees/fix"):
        yield


@contextmanager
def a_mount(bench: Bench, patch: pytest.MonkeyPatch) -> Iterator[None]:
    if sys.platform != "linux":
        pytest.skip("only there the mounts can be read")
    with small_disk(bench.root / ".worktrees/fix/disk"):
        yield
    (bench.root / ".worktrees/fix/disk").rmdir()


@contextmanager
def a_git_folder_behind_a_link(bench: Bench, patch: pytest.MonkeyPatch) -> Iterator[None]:
    inner = bench.root / ".worktrees/fix/inner"
    inner.mkdir()
    (inner / ".git").symlink_to(bench.root / ".git")
    yield
    (inner / ".git").unlink()
    inner.rmdir()


@contextmanager
def a_parent_that_can_not_be_written(bench: Bench, patch: pytest.MonkeyPatch) -> Iterator[None]:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    (bench.root / ".worktrees").chmod(0o500)
    yield
    (bench.root / ".worktrees").chmod(0o755)


@contextmanager
def an_interrupt(bench: Bench, patch: pytest.MonkeyPatch) -> Iterator[None]:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with patch.context() as inner:
        inner.setattr(removal, "_take_out", interrupt)
        yield


WAYS: list[Way] = [
    without_configuration,
    with_a_broken_configuration,
    a_dump_that_fails,
    a_server_that_does_not_answer,
    a_snapshot_that_fails,
    a_file_that_is_written,
    a_mount,
    a_git_folder_behind_a_link,
    a_parent_that_can_not_be_written,
    an_interrupt,
]


def ended(bench: Bench) -> None:
    """An agent with work of each kind that has ended."""
    deck = bench.deck()
    worktree = deck.start(StartRequest(name="fix", argv=("true",))).worktree
    assert worktree is not None
    deck.wait("fix")
    eventually(lambda: not deck.agent("fix").alive)
    bench.write("done.txt", "committed\n", cwd=worktree)
    bench.commit("Work", cwd=worktree)
    bench.write("new ü.txt", "untracked\n", cwd=worktree)
    bench.write("ignored.sqlite3", "ignored\n", cwd=worktree)
    bench.git("worktree", "add", "-q", "-b", "helper", str(worktree / ".claude/worktrees/helper"), cwd=worktree)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_refusal_has_changed_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch, way: Way) -> None:
    ended(bench)
    with way(bench, monkeypatch):
        pass
    before = machine(bench)
    with way(bench, monkeypatch), pytest.raises((DeckError, OSError, KeyboardInterrupt)):
        bench.deck().remove("fix")
    assert machine(bench) == before
    told: list[Event] = []
    bench.deck().repair(told.append)
    assert told == [], "a removal that was refused is not taken up again"
    assert machine(bench) == before
    bench.deck().remove("fix")
    assert bench.deck().agents() == []
    bench.deck().undo()
    assert (bench.root / ".worktrees/fix/new ü.txt").exists()


def test_one_that_runs_goes_on_where_what_it_holds_can_not_be_saved(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    deck = bench.deck()
    worktree = deck.start(StartRequest(name="fix", argv=("sleep", "600"))).worktree
    assert worktree is not None
    eventually(lambda: deck.agent("fix").state is State.WORKING)
    with a_git_folder_behind_a_link(bench, monkeypatch):
        before = machine(bench)
        with pytest.raises(DeckError, match="symbolic link"):
            deck.remove("fix", stop=True)
        assert machine(bench) == before
    assert deck.agent("fix").alive
    assert deck.agent("fix").state is State.WORKING


def test_the_worktree_of_another_agent_inside_refuses(bench: Bench) -> None:
    ended(bench)
    deck, fix = bench.deck(), bench.root / ".worktrees/fix"
    config = bench.root / "agentdeck.toml"
    config.write_text(config.read_text() + '\n[worktree]\npath = ".worktrees/fix/{name}"\n')
    deck = bench.deck()
    deck.start(StartRequest(name="inner", argv=("true",)))
    deck.wait("inner")
    with pytest.raises(DeckError, match="The worktree of inner is inside that of fix") as told:
        deck.remove("fix")
    assert told.value.hint == "Remove it first: agentdeck rm inner"
    assert deck.agent("fix").agent.phase is Phase.HELD
    deck.remove("inner")
    deck.remove("fix")
    assert not fix.exists()


def test_a_tear_down_does_not_run_for_what_is_written(bench: Bench) -> None:
    config = bench.root / "agentdeck.toml"
    config.write_text(config.read_text() + "\n[hooks]\nteardown = ['touch torn-down']\n")
    ended(bench)
    with writing("date +%N >>log.txt", bench.root / ".worktrees/fix"), pytest.raises(DeckError, match="still being"):
        bench.deck().remove("fix")
    assert not (bench.root / ".worktrees/fix/torn-down").exists()


def test_prune_leaves_what_it_can_not_remove_as_it_was(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(bench, "fix", {"fix.txt": "x\n"})
    deck = bench.deck()

    deck.land(LandRequest(("fix",)))
    stale = [each for each in deck.history.stale() if each.what == "fix"]
    assert stale, "it landed"
    before = machine(bench)
    with a_dump_that_fails(bench, monkeypatch):
        _, failed = deck.history.prune(stale)
    assert [each.what for each in failed] == ["fix"]
    assert machine(bench) == before
