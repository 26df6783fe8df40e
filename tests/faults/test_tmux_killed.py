"""The tmux server is killed with five agents in it: their processes end, their state is told, all can go on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from agentdeck.system.terminal.tmux import Tmux
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.verdicts import assert_ok, assert_refused

NAMES = ["one", "two", "three", "four", "five"]
STUBBORN = "trap '' HUP TERM INT; while :; do sleep 0.2; done"


def server_pid(bench: Bench) -> int:
    return int(Tmux(bench.socket).command("display-message", "-p", "#{pid}"))


@pytest.mark.parametrize("how", ["kill-server", "SIGKILL"])
def test_five_agents_outlive_their_server_in_the_records_only(bench: Bench, how: str) -> None:
    deck = bench.deck()
    for name in NAMES:
        deck.start(StartRequest(name=name, argv=("sh", "-c", STUBBORN if name == "five" else "exec sleep 600")))
    eventually(lambda: all(view.state is State.WORKING for view in deck.agents()))
    pids = [pid for view in deck.agents() for pid in (view.status.runner_pid, view.status.agent_pid) if pid]
    assert len(pids) == 2 * len(NAMES)
    if how == "SIGKILL":
        os.kill(server_pid(bench), signal.SIGKILL)
    else:
        Tmux(bench.socket).run("kill-server")
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 30)

    (listed,) = objects(assert_ok(agentdeck("ls", "--json", cwd=bench.root)))
    assert {view["name"]: (view["state"], view["alive"], view["reason"]) for view in listed["agents"]} == dict.fromkeys(
        NAMES, ("stopped", False, "its terminal was closed")
    )
    assert_ok(agentdeck("show", "one", cwd=bench.root))
    assert_refused(agentdeck("send", "one", "hello", cwd=bench.root), ExitCode.REFUSED, says=["resume"])
    assert_refused(agentdeck("show", "--screen", "one", cwd=bench.root), ExitCode.NOT_FOUND, says=["resume"])
    found = assert_ok(agentdeck("doctor", cwd=bench.root))
    assert "agent one" in found
    assert_ok(agentdeck("resume", "one", cwd=bench.root))
    eventually(lambda: deck.agent("one").state is State.WORKING)
    assert bench.windows() == ["one"]
    assert_ok(agentdeck("rm", "--stop", *NAMES, cwd=bench.root))
    assert bench.worktrees() == [str(bench.root)]
    assert bench.branches() == ["main"]
    assert bench.windows() == []


def test_one_window_is_closed_by_hand(bench: Bench) -> None:
    deck = bench.deck()
    for name in ("one", "two"):
        deck.start(StartRequest(name=name, argv=("sleep", "600")))
    eventually(lambda: deck.agent("one").state is State.WORKING)
    Tmux(bench.socket).close_window(deck.name, "one")
    eventually(lambda: deck.agent("one").state is State.STOPPED)
    assert deck.agent("two").alive
    assert_ok(agentdeck("resume", "one", cwd=bench.root))
    assert deck.agent("one").alive
