"""Agents that wait until the machine has room for them, however they were started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.errors import RefusedError
from tests.support.decks import CONFIG, Bench
from tests.support.retry import eventually

ONE = CONFIG.replace("[queue]\n", "[queue]\nagents = 1\n")
WAITS = "waits for a place: 1 of 1 agents works"


def test_each_waits_until_there_is_room(bench: Bench) -> None:
    bench.write("agentdeck.toml", ONE)
    deck = bench.deck()

    def state(name: str) -> tuple[State, str]:
        view = deck.agent(name)
        return view.state, view.reason

    def start(name: str, line: str = "exec sleep 100", **more: bool) -> AgentView:
        return deck.start(StartRequest(name=name, argv=("sh", "-c", line), timeout=60, **more))  # type: ignore[arg-type]

    start("first")
    eventually(lambda: state("first")[0] is State.WORKING)
    command = [sys.executable, "-m", "agentdeck", "run", "--name", "second", "--timeout", "60s", "--", "sleep", "100"]
    asked = subprocess.Popen(command, cwd=bench.root, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert asked.stderr is not None
    assert any(WAITS in line for line in asked.stderr)  # whoever waits for it is told
    asked.send_signal(signal.SIGKILL)
    asked.communicate()
    start("third")
    assert eventually(lambda: state("third")[1]) == f"{WAITS} (1 before it)"
    assert state("second") == (State.STARTING, WAITS)
    assert [each.agent for each in deck.starts.waiting()] == ["second", "third"]
    start("jumper", "exit 0", now=True)
    eventually(lambda: state("jumper")[0] is State.DONE)

    deck.stop("second")  # one that waits
    assert state("second") == (State.STOPPED, "stopped")
    deck.stop("first")
    eventually(lambda: state("third")[0] is State.WORKING)
    deck.resume("first")
    eventually(lambda: state("first")[1] == WAITS)
    assert deck.starts.now("first") == "first"
    eventually(lambda: state("first") == (State.WORKING, ""))
    with pytest.raises(RefusedError, match="first doesn't wait for room; it is working"):
        deck.starts.now("first")


def test_a_runner_that_is_killed_while_it_waits_is_lost_and_resumed(bench: Bench) -> None:
    bench.write("agentdeck.toml", CONFIG.replace("[queue]\n", "[queue]\nmin_disk_mb = 99999999\n"))
    deck = bench.deck()
    deck.start(StartRequest(name="fix", argv=("true",)))
    eventually(lambda: deck.agent("fix").reason.startswith("waits for disk space"))
    pid = deck.agent("fix").status.runner_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: deck.agent("fix").state is State.FAILED and not deck.agent("fix").alive)
    assert deck.starts.waiting() == []
    deck.resume("fix", now=True)
    eventually(lambda: deck.agent("fix").state is State.DONE)
