"""What can't be repaired keeps nothing else from it."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

from agentdeck.core.agents.agent import Phase, State
from agentdeck.core.agents.leases import Lease
from agentdeck.engine.views import StartRequest
from agentdeck.errors import RefusedError
from agentdeck.system.terminal.tmux import Tmux
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.retry import eventually


def test_one_removal_that_can_not_be_finished_leaves_no_other_unfinished(bench: Bench) -> None:
    finished(bench, "a", {})
    finished(bench, "b", {"b.txt": "x\n"})
    deck = bench.deck()
    for name in ("a", "b"):
        agent = deck.store.agent(name)
        assert agent is not None
        if name == "a":
            agent = agent.with_lease(Lease("database", True, {"engine": "another", "path": "db"}))
        deck.store.save(replace(agent, phase=Phase.RELEASING, trash="cut-short", step="removal cut-short"))
    with pytest.raises(RefusedError, match="was made with engine another"):
        deck.repair()
    deck.repair()  # it is told once
    (check,) = [check for check in deck.doctor() if check.name == "agent a"]
    assert "was made with engine another" in check.text
    assert deck.store.names() == ["a"]


def test_what_an_agent_made_whose_start_and_runner_were_killed_stays_with_it(bench: Bench) -> None:
    """The start was killed before it wrote down that the agent runs."""
    deck = bench.deck()
    view = deck.start(StartRequest(argv=("sh", "-c", "echo work >w; exec sleep 1000"), name="fix"))
    assert view.worktree is not None
    work = view.worktree / "w"
    eventually(work.exists)
    agent = deck.store.agent("fix")
    assert agent is not None
    pane = agent.lease("pane")
    assert pane is not None
    deck.store.save(replace(agent.with_lease(replace(pane, held=False)), phase=Phase.ACQUIRING))
    (window,) = Tmux(bench.socket).windows()
    for pid in (deck.store.runner_pid("fix"), window.pid):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not deck.agent("fix").alive)
    deck.repair()
    assert deck.agent("fix").state is State.FAILED
    assert work.read_text() == "work\n"
    deck.resume("fix")
    assert deck.agent("fix").alive
