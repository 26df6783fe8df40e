"""A start that was killed before its runner began: nothing that the agent writes afterwards is lost."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Phase, State, Status
from agentdeck.engine.lifecycle.launch import runner_argv
from agentdeck.engine.views import StartRequest
from agentdeck.system.terminal.tmux import Tmux
from tests.support.decks import Bench
from tests.support.retry import eventually

_LATE = 'while [ ! -e "$0" ]; do sleep 0.01; done; exec "$@"'
"""A runner that begins when there is a file."""
_WRITES = 'test -e "$0" || exec sleep 1000; while echo x >> made && echo x >> "$1"; do sleep 0.01; done'
"""An agent that goes on writing to its worktree, and tells elsewhere what it has written."""


def interrupted(bench: Bench) -> Path:
    """Leave the start of an agent as a kill leaves it when the window is open. The runner begins when `go` is there;
    return the agent's worktree."""
    deck, tmux, go = bench.deck(), Tmux(bench.socket), str(bench.home / "go")
    agent = deck.start(StartRequest(name="fix", argv=("sh", "-c", _WRITES, go, str(bench.home / "told")))).agent
    assert agent.pane is not None
    assert agent.worktree is not None
    tmux.close_window(agent.pane.session, agent.pane.window)
    eventually(lambda: not deck.agent("fix").alive)
    deck.store.put_status("fix", Status(State.STARTING, time.time()))
    deck.store.save(replace(agent.with_lease(agent.pane.changed(held=False)), phase=Phase.ACQUIRING))
    argv = ["sh", "-c", _LATE, go, *runner_argv(deck.store.agent_folder("fix") / "orders.json")]
    worktree = Path(agent.worktree.path)
    tmux.open_window(agent.pane.session, agent.pane.window, argv, cwd=worktree, env=dict(os.environ))
    return worktree


def saved(bench: Bench) -> dict[str, str]:
    """All files that git has, by name: the ids of their content."""
    lines = bench.git("rev-list", "--objects", "--all").splitlines()
    return {line.rpartition("/")[2]: line.partition(" ")[0] for line in lines}


def assert_nothing_lost(bench: Bench, worktree: Path) -> None:
    told = bench.home / "told"
    if not told.exists():
        return
    if (worktree / "made").exists():
        assert bench.deck().store.names() == ["fix"]
        return
    made = bench.git("cat-file", "blob", saved(bench)["made"])
    assert made.count("x") >= told.read_text().count("x")


def test_a_runner_that_begins_behind_the_snapshot(bench: Bench) -> None:
    worktree, go = interrupted(bench), bench.home / "go"
    (worktree / "early").write_text("early work\n")
    hook = bench.write(
        ".git/hooks/reference-transaction",
        "#!/bin/sh\n"
        'test "$1" = committed && grep -q " refs/agentdeck/trash/fix/" || exit 0\n'
        f"touch '{go}'; for i in $(seq 50); do test -e '{bench.home}/told' && exit 0; sleep 0.02; done\n",
    )
    hook.chmod(0o755)
    bench.deck().repair()
    assert go.exists()
    assert bench.deck().store.names() == []
    assert "early" in saved(bench)
    assert_nothing_lost(bench, worktree)


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3])
def test_a_runner_that_begins_at_any_moment(bench: Bench, delay: float) -> None:
    worktree = interrupted(bench)
    begin = threading.Timer(delay, (bench.home / "go").touch)
    begin.start()
    bench.deck().repair()
    begin.join()
    assert_nothing_lost(bench, worktree)
