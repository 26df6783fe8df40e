"""The machine's clock is wrong, or jumps: ages are never negative, nothing expires by surprise, time-outs hold."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Fault, State
from agentdeck.engine.views import StartRequest
from tests.engine.runner.test_runner import Pane
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.retry import eventually
from tests.support.verdicts import assert_no_bug, assert_ok

YEAR = 365 * 24 * 3600.0


@pytest.mark.parametrize("jump", [-30 * YEAR, -YEAR, YEAR, 100 * YEAR])
def test_agents_of_another_time_are_listed_shown_and_removed(bench: Bench, jump: float) -> None:
    finished(bench, "fix", {"new.txt": "new\n"})
    store = bench.deck().store
    agent, status = store.agent("fix"), store.status("fix")
    assert agent is not None
    store.save(replace(agent, created=agent.created + jump))
    moved = {name: getattr(status, name) + jump for name in ("since", "started", "ended")}
    store.set_status("fix", replace(status, **moved))
    listed = assert_ok(agentdeck("ls", cwd=bench.root))
    assert "-" not in listed.split("agentdeck/fix")[1].split()[0], "an age below nothing"
    for verb in (("show", "fix"), ("logs", "--since", "10m", "fix"), ("diff", "fix"), ("doctor",)):
        assert_no_bug(agentdeck(*verb, cwd=bench.root))
    assert_ok(agentdeck("rm", "fix", cwd=bench.root))
    assert_ok(agentdeck("undo", cwd=bench.root))


def test_what_was_removed_in_the_future_is_kept(bench: Bench) -> None:
    """The clock was ahead when it was removed, and is right again."""
    finished(bench, "fix", {"new.txt": "new\n"})
    assert_ok(agentdeck("rm", "fix", cwd=bench.root))
    (step,) = (bench.deck().store.folder / "steps").glob("*.json")
    step.write_text(json.dumps({**json.loads(step.read_text()), "at": time.time() + YEAR}))
    assert_ok(agentdeck("prune", "--yes", cwd=bench.root))
    assert_ok(agentdeck("undo", cwd=bench.root))


def test_one_step_in_time_does_not_take_the_trash_of_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock jumps a year ahead: all the trash looks old, though the deck was used a moment ago."""
    finished(bench, "fix", {"new.txt": "new\n"})
    deck = bench.deck()
    deck.remove("fix")
    now = time.time
    with monkeypatch.context() as ahead:
        ahead.setattr(time, "time", lambda: now() + YEAR)
        expired = [stale for stale in deck.history.stale() if stale.kind == "trash"]
    assert [stale.can_be_undone for stale in expired] == [False], "and the list says that it is for good"
    assert not [stale for stale in deck.history.stale() if stale.kind == "trash"]
    deck.undo()


@pytest.mark.parametrize("jump", [-YEAR, YEAR])
@pytest.mark.parametrize(
    ("argv", "limit", "fault"), [(("sleep", "100"), 1.0, Fault.TIMED_OUT), (("sleep", "2"), 60.0, Fault.NONE)]
)
def test_a_time_out_does_not_follow_the_clock(
    tmp_path: Path, jump: float, argv: tuple[str, ...], limit: float, fault: Fault
) -> None:
    """The clock jumps half a second after the runner has begun."""
    pane = Pane(tmp_path)
    orders = pane.argv(*argv, timeout=limit)[-1]
    line = f"""
import sys, time
now, begun = time.time, time.monotonic()
time.time = lambda: now() + {jump} * (time.monotonic() > begun + 0.5)
from agentdeck.engine.runner.__main__ import main
sys.argv[1:] = [{orders!r}]
sys.exit(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", line], env=pane.environment(), capture_output=True, check=False, timeout=50
    )
    assert pane.store.status("fix").fault is fault, done


@pytest.mark.slow
def test_a_program_under_a_moved_clock(bench: Bench) -> None:
    """Everything at once a year ahead, as after a wrong boot; then back."""
    import shutil

    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    finished(bench, "fix", {"new.txt": "new\n"})

    def at(offset: str, *words: str) -> subprocess.CompletedProcess[str]:
        argv = ["faketime", "-f", offset, sys.executable, "-m", "agentdeck", *words]
        return subprocess.run(argv, cwd=bench.root, capture_output=True, text=True, check=False, timeout=60)

    assert "1y" not in assert_ok(at("-1y", "ls"))
    assert_ok(at("+1y", "ls"))
    assert_ok(at("+1y", "run", "--detach", "--name", "ahead", "--", "sleep", "600"))
    view = objects(assert_ok(agentdeck("ls", "--json", cwd=bench.root)))[0]["agents"]
    assert {each["name"]: each["state"] for each in view} == {"fix": "done", "ahead": "working"}
    eventually(lambda: bench.deck().agent("ahead").alive)
    assert_ok(at("-1y", "rm", "--stop", "ahead", "fix"))
    assert bench.deck().agents() == []
    bench.deck().start(StartRequest(name="again", argv=("true",)))
    assert bench.deck().wait("again").state is State.DONE
