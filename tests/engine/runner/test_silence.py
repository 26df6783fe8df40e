"""What counts as a sign of life of an agent at work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from agentdeck.core.agents.agent import Fault, Mode, State, Status
from agentdeck.core.agents.orders import Detectors, Orders
from agentdeck.core.transcripts.formats import Place
from agentdeck.engine.runner.silence import Silence
from agentdeck.system.machine.tree import Tree

WORKING = Status(State.WORKING, 0.0)
LIMIT = 10.0


def orders(mode: Mode = Mode.HEADLESS, **more: object) -> Orders:
    given = {"profile": "claude", "mode": mode, "transcript": Place("claude"), **more}
    given["detectors"] = Detectors(working=("esc to interrupt",))
    return Orders("fix", "run", "deck", ("claude",), "/", "/", "/log", "/runs", **given)  # type: ignore[arg-type]


class Clock:
    """A watch over an agent, second by second."""

    def __init__(self, told: Orders, limit: float = LIMIT) -> None:
        self.silence, self.now = Silence(limit), 100.0
        self.silence.launched(told)
        self.tree = Tree("no such run", None)
        self.screen, self.status, self.runs_tool = "", WORKING, False

    def passes(self, seconds: float) -> bool:
        """Whether it is too silent after so long."""
        is_silent = False
        for _ in range(int(seconds)):
            self.now += 1.0
            is_silent, _again = self.silence.tick(
                self.now, self.status, self.tree, lambda: self.screen, runs_tool=self.runs_tool
            )
        return is_silent


@pytest.mark.parametrize("mode", list(Mode))
def test_it_is_silent_after_its_time_until_there_is_a_sign_of_life(mode: Mode) -> None:
    clock = Clock(orders(mode))
    assert not clock.passes(LIMIT)
    assert clock.passes(2)
    clock.status = Status(State.WAITING, 0.0, fault=Fault.PROVIDER)
    assert clock.passes(30)
    clock.silence.heard()
    assert not clock.passes(LIMIT)
    assert clock.passes(2)


def test_output_is_a_sign_only_where_there_is_no_screen_that_moves() -> None:
    for mode, expected in ((Mode.HEADLESS, False), (Mode.INTERACTIVE, True)):
        clock = Clock(orders(mode))
        clock.passes(LIMIT)
        clock.silence.output()
        assert clock.passes(2) is expected


def test_on_a_screen_only_what_changes_beside_the_sign_of_work_counts() -> None:
    clock = Clock(orders(Mode.INTERACTIVE))
    for second in range(12):
        clock.screen = f"hello\n* Thinking… ({second}s · esc to interrupt)"
        is_silent = clock.passes(1)
    assert is_silent
    clock.screen = "hello world\n* Thinking… (9s · esc to interrupt)"
    assert not clock.passes(2)


@pytest.mark.parametrize("state", [State.WAITING, State.DONE, State.LIMITED])
def test_whoever_does_not_work_or_runs_a_tool_is_not_silent(state: State) -> None:
    clock = Clock(orders())
    clock.status = Status(state, 0.0)
    assert not clock.passes(30)
    clock.status, clock.runs_tool = WORKING, True
    assert not clock.passes(30)


def test_nobody_is_watched_whose_silence_tells_nothing() -> None:
    for told in (orders(wired=True), orders(profile=""), orders(transcript=Place())):
        assert not Clock(told).passes(30)
    assert not Clock(orders(), limit=0).passes(30)


def test_a_process_of_its_own_that_computes_is_a_sign() -> None:
    line = "import sys\nfor _ in sys.stdin: sum(range(6_000_000)); print(flush=True)"
    with subprocess.Popen([sys.executable, "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        clock = Clock(orders())
        clock.tree = Tree("no such run", None, root=os.getpid())
        for _ in range(12):
            child.stdin.write(b"\n")
            child.stdin.flush()
            child.stdout.readline()
            is_silent = clock.passes(1)
        assert not is_silent
        assert clock.passes(15)
        child.stdin.close()
