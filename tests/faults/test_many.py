"""Many agents at once, from one call and from ten: all distinct, and nothing is left of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.system.machine.ports import PortRegistry
from tests.support.cli import PROGRAM, agentdeck, objects
from tests.support.decks import Bench
from tests.support.processes import gone
from tests.support.retry import eventually
from tests.support.share import EVERY
from tests.support.verdicts import assert_ok

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
COUNT = 50 if EVERY else 20


def listed_are_all(bench: Bench) -> None:
    (listed,) = objects(assert_ok(agentdeck("ls", "--json", cwd=bench.root)))
    assert len(listed["agents"]) == COUNT


def together(bench: Bench, calls: list[list[str]]) -> None:
    """Make all calls at once; all must end well."""
    running = [
        subprocess.Popen(
            [*PROGRAM, *words], cwd=bench.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for words in calls
    ]
    for call in running:
        _, told = call.communicate(timeout=500)
        assert call.returncode == 0, told


def assert_distinct_and_then_gone(bench: Bench) -> None:
    deck = bench.deck()
    views = deck.agents()
    assert len(views) == COUNT
    assert all(view.alive for view in views)
    ports = [port for view in views for port in view.ports]
    assert len(set(ports)) == len(ports) >= COUNT
    assert len({view.worktree for view in views}) == len({view.branch for view in views}) == COUNT
    assert sorted(bench.windows()) == sorted(view.name for view in views)

    listed_are_all(bench)

    pids = [pid for view in deck.agents() for pid in (view.status.runner_pid, view.status.agent_pid) if pid]
    together(bench, [["rm", "--stop", *(view.name for view in views[first::5])] for first in range(5)])
    assert deck.agents() == []
    assert bench.worktrees() == [str(bench.root)]
    assert bench.branches() == ["main"]
    assert PortRegistry(bench.home / ".local/state/agentdeck/ports.json").owners() == []
    assert bench.windows() == []
    eventually(lambda: all(gone(pid) for pid in pids), 20)
    assert bench.git("status", "--porcelain") == ""


def quick(bench: Bench) -> None:
    """Without databases: their copies are not what is looked at here."""
    bench.write("agentdeck.toml", (bench.root / "agentdeck.toml").read_text().split("[database]")[0])
    bench.commit("Without a database")


def test_many_agents_from_ten_calls_at_once(bench: Bench) -> None:
    quick(bench)
    script = f"for n in $(seq {COUNT // 10}); do " + '"$@" run --detach -- sleep 600 || exit; done'
    calls = [
        subprocess.Popen(["sh", "-c", script, "sh", *PROGRAM], cwd=bench.root, stderr=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    for call in calls:
        _, told = call.communicate(timeout=500)
        assert call.returncode == 0, told
    assert_distinct_and_then_gone(bench)


def test_many_agents_from_one_file(bench: Bench) -> None:
    quick(bench)
    tasks = "".join(f'[[task]]\nname = "t{n}"\ncommand = ["sleep", "600"]\n' for n in range(COUNT))
    bench.write("tasks.toml", tasks)
    bench.commit("Tasks")
    argv = [*PROGRAM, "run", "-f", "tasks.toml", "--jobs", str(COUNT)]
    call = subprocess.Popen(argv, cwd=bench.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    eventually(lambda: call.poll() is not None or sum(view.alive for view in bench.deck().agents()) == COUNT, 400, 0.5)
    assert call.poll() is None, call.communicate()[1]
    call.kill()
    call.communicate()
    # The agents belong to nobody's terminal: they go on.
    assert_distinct_and_then_gone(bench)


def test_a_thousand_events_a_second(bench: Bench) -> None:
    """An agent that prints, and hooks that report, as fast as they can: the state is right, the log whole."""
    deck = bench.deck()
    line = "import time\nfor n in range(5000):\n    print('event', n, flush=True)\n    time.sleep(0.0005)\n"
    deck.start(StartRequest(name="fix", argv=(sys.executable, "-c", line)))
    inbox = deck.store.agent_folder("fix") / "inbox"
    eventually((inbox / ".poke").exists)
    poke = os.open(inbox / ".poke", os.O_RDWR | os.O_NONBLOCK)
    sent = 0
    while deck.agent("fix").alive:
        # As hooks do: a file for each, moved into the inbox.
        path = inbox / f"claude-{sent:06d}"
        path.with_suffix(".tmp").write_text(json.dumps({"hook_event_name": "PreToolUse", "session_id": "s1"}))
        path.with_suffix(".tmp").rename(path.with_suffix(".json"))
        with contextlib.suppress(BlockingIOError):
            os.write(poke, b"x")
        sent += 1
    view = deck.agent("fix")
    assert (view.state, view.status.exit_code) == (State.DONE, 0)
    lines = [each.text for each in deck.log_lines("fix") if each.text.startswith("event ")]
    assert lines == [f"event {n}" for n in range(5000)]
    assert sent > 100
    assert view.status.session == "s1"
    assert len(list(inbox.glob("*.json"))) < sent / 10, "what came in was not taken away"
