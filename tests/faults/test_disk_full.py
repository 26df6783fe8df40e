"""The disk is full: what can't be done says so and changes nothing, agents go on, and with room again all goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck
from tests.support.decks import Bench, bench_in
from tests.support.finished import finished
from tests.support.mounts import Disk, small_disk
from tests.support.retry import eventually
from tests.support.verdicts import assert_no_bug, assert_ok, assert_refused

pytestmark = pytest.mark.slow
FULL = "is full"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def bench(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The repository, its store and the home are all on the small disk."""
    with bench_in(disk.folder / "all", monkeypatch) as made:
        made.write("big.txt", "a line of a large file\n" * 20_000)
        made.commit("Something to fill a disk with")
        made.own("[queue]\nmin_disk_mb = 0\n")
        yield made


def records(bench: Bench) -> list[str]:
    return bench.deck().store.names()


@pytest.mark.parametrize("room", [0, 4096, 16_384, 65_536, 200_000, 440_000])
def test_a_start_is_refused_and_leaves_nothing(bench: Bench, disk: Disk, room: int) -> None:
    bench.deck().store.open()
    disk.fill(leave=room)
    done = agentdeck("run", "--detach", "--name", "fix", "--", "sleep", "600", cwd=bench.root)
    assert_refused(done, ExitCode.FAILED, says=[FULL])
    assert_no_bug(agentdeck("ls", cwd=bench.root))
    disk.free()
    assert assert_ok(agentdeck("ls", cwd=bench.root)) == ""
    assert bench.worktrees() == [str(bench.root)]
    assert bench.branches() == ["main"]
    assert not list((bench.root / ".worktrees").glob("*"))
    assert_ok(agentdeck("run", "--detach", "--name", "fix", "--", "sleep", "600", cwd=bench.root))
    assert bench.deck().agent("fix").alive


def test_a_deck_that_was_never_used_can_not_be_made(bench: Bench, disk: Disk) -> None:
    disk.fill()
    assert_ok(agentdeck("ls", cwd=bench.root))
    assert_refused(
        agentdeck("run", "-d", "--name", "fix", "--", "sleep", "600", cwd=bench.root), ExitCode.FAILED, says=[FULL]
    )


def test_a_running_agent_goes_on_and_is_recorded_again_with_room(bench: Bench, disk: Disk) -> None:
    deck = bench.deck()
    gate = bench.home.parent.parent.parent / "gate"
    line = f"i=0; while [ ! -e '{gate}' ]; do i=$((i+1)); echo line $i; sleep 0.01; done; echo the last line"
    deck.start(StartRequest(name="fix", argv=("sh", "-c", line)))
    eventually(lambda: any("line 3" in each.text for each in deck.log_lines("fix")))
    disk.fill()
    # Until its recording is refused, which a page that was begun may put off.
    size = eventually(lambda: _stands_still(deck.agent("fix").log), 30)
    assert deck.agent("fix").state is State.WORKING
    assert deck.agent("fix").alive
    assert "working" in assert_ok(agentdeck("ls", cwd=bench.root))
    assert_ok(agentdeck("show", "fix", cwd=bench.root))
    disk.free()
    log = deck.agent("fix").log
    assert log is not None
    eventually(lambda: log.stat().st_size > size, 20)
    gate.touch()
    view = deck.wait("fix")
    assert view.state is State.DONE
    lines = [each.text for each in deck.log_lines("fix")]
    assert "the last line" in lines
    assert any("No space left" in each for each in lines), "the log must say that some of it is missing"
    assert b"the last line" in b"".join(deck.raw_output("fix"))


def _stands_still(log: Path | None) -> int:
    """The size of a log that has not grown for a while; 0 while it grows."""
    assert log is not None
    before = log.stat().st_size
    try:
        eventually(lambda: log.stat().st_size > before, 1.0)
    except AssertionError:
        return before
    return 0


@pytest.mark.parametrize(("line", "state"), [("true", State.DONE), ("exit 3", State.FAILED)])
def test_how_an_agent_ended_meanwhile_is_known_with_room(bench: Bench, disk: Disk, line: str, state: State) -> None:
    deck = bench.deck()
    gate = bench.home.parent.parent.parent / "gate"
    script = f"while [ ! -e '{gate}' ]; do sleep 0.05; done; {line}"
    deck.start(StartRequest(name="fix", argv=("sh", "-c", script)))
    eventually(lambda: deck.agent("fix").state is State.WORKING)
    disk.fill()
    agent = deck.agent("fix").status.agent_pid
    gate.touch()
    eventually(lambda: not Path(f"/proc/{agent}").exists())
    assert_no_bug(agentdeck("ls", cwd=bench.root))
    disk.free()
    view = deck.wait("fix")
    assert (view.state, view.status.exit_code) == (state, 0 if state is State.DONE else 3)


def test_a_landing_is_refused_and_lands_with_room(bench: Bench, disk: Disk) -> None:
    finished(bench, "fix", {"new.txt": "made\n" * 5000})
    base = bench.git("rev-parse", "main")
    disk.fill()
    done = agentdeck("merge", "fix", cwd=bench.root)
    assert_refused(done, ExitCode.FAILED)
    assert bench.git("rev-parse", "main") == base
    disk.free()
    assert_ok(agentdeck("merge", "fix", cwd=bench.root))
    assert bench.git("show", "main:new.txt").startswith("made\n")
    assert bench.git("status", "--porcelain") == ""


@pytest.mark.parametrize("room", [0, 8192, 32_768])
def test_a_removal_is_refused_with_nothing_lost_and_works_with_room(bench: Bench, disk: Disk, room: int) -> None:
    view = finished(bench, "fix", {"new.txt": "made\n" * 5000}, commit=False)
    assert view.worktree is not None
    disk.fill(leave=room)
    done = agentdeck("rm", "fix", cwd=bench.root)
    assert_refused(done, ExitCode.FAILED, says=[FULL])
    disk.free()
    assert (view.worktree / "new.txt").exists()
    agentdeck("rm", "fix", cwd=bench.root)
    assert records(bench) == []
    assert_ok(agentdeck("undo", cwd=bench.root))
    assert (view.worktree / "new.txt").read_text() == "made\n" * 5000
