"""Daemons of every kind that an agent starts end with it, however it ends; what lives on is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Fault, State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest
from agentdeck.system.machine.ports import is_free
from agentdeck.system.machine.tree import Tree
from agentdeck.system.terminal.tmux import Tmux
from tests.support import bad_children
from tests.support.cli import agentdeck
from tests.support.decks import Bench
from tests.support.processes import gone
from tests.support.retry import eventually

BAD = f"'{sys.executable}' -I '{bad_children.__file__}'"
AGENT = f"""
: > pids
{BAD} hidden "$PWD/pids" plain "$PORT"
{BAD} hidden "$PWD/pids" stubborn
{BAD} hidden "$PWD/pids" again
nohup env -i /bin/sh -c 'echo $$ >> pids; exec sleep 600' >/dev/null 2>&1 &
setsid env -i /bin/sh -c 'trap "" HUP INT TERM; echo $$ >> pids; while :; do sleep 1; done' &
"""
"""Starts five daemons."""


def daemons(deck: Deck, name: str = "one") -> list[int]:
    path = deck.root / ".worktrees" / name / "pids"
    eventually(lambda: path.exists() and len(path.read_text().splitlines()) >= 5, 20)
    return [int(line) for line in path.read_text().splitlines()]


def start(bench: Bench, script: str = AGENT + "exec sleep 600") -> tuple[Deck, list[int]]:
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", script)))
    return deck, daemons(deck)


def guardian(bench: Bench) -> int:
    return Tmux(bench.socket).windows()[0].pid


def kill_runner(bench: Bench, deck: Deck) -> None:
    os.kill(deck.store.runner_pid("one") or 0, signal.SIGKILL)


def kill_guardian(bench: Bench, deck: Deck) -> None:
    os.kill(guardian(bench), signal.SIGKILL)


def kill_both(bench: Bench, deck: Deck) -> None:
    runner, above = deck.store.runner_pid("one") or 0, guardian(bench)
    os.kill(runner, signal.SIGSTOP)  # so that it does not see the other's end before its own
    os.kill(above, signal.SIGKILL)
    os.kill(runner, signal.SIGKILL)


def kill_tmux(bench: Bench, deck: Deck) -> None:
    os.kill(int(Tmux(bench.socket).command("display-message", "-p", "#{pid}")), signal.SIGKILL)


WAYS: dict[str, Callable[[Bench, Deck], object]] = {
    "stop": lambda bench, deck: deck.stop("one"),
    "runner killed": kill_runner,
    "guardian killed": kill_guardian,
    "window closed": lambda bench, deck: Tmux(bench.socket).close_window(deck.name, "one"),
    "server killed": kill_tmux,
}


@pytest.mark.parametrize("way", WAYS)
def test_no_daemon_outlives_its_agent(bench: Bench, way: str) -> None:
    deck, pids = start(bench)
    (port, *_) = deck.ports()[0].ports
    assert not is_free(port)
    WAYS[way](bench, deck)
    eventually(lambda: not deck.agent("one").alive, 20)
    # One that made another of itself has written that one's pid, too.
    pids += daemons(deck)
    assert [pid for pid in pids if not gone(pid)] == []
    assert is_free(port)
    state = State.FAILED if "runner" in way or "guardian" in way else State.STOPPED
    status = deck.agent("one").status
    assert status.state is state
    assert (status.fault is Fault.LOST) == (state is State.FAILED)
    deck.remove("one")
    assert deck.ports() == []


def test_who_is_told_to_stop_is_the_runner_whatever_an_agent_writes_into_its_lock(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sleep", "600")))
    # A start returns when the lock is held, a moment before the runner has signed it and says its pid.
    told = eventually(lambda: deck.agent("one").status.runner_pid)
    runner, above = deck.store.runner_pid("one"), guardian(bench)
    assert (runner, told) == (guardian_child(above),) * 2
    (deck.store.agent_folder("one") / "runner.lock").write_text(str(os.getpid()))
    assert deck.store.runner_pid("one") == above
    deck.stop("one")
    assert deck.agent("one").state is State.STOPPED
    assert gone(above)


def test_daemons_end_when_their_agent_does(bench: Bench) -> None:
    deck, pids = start(bench, AGENT + 'while [ "$(wc -l < pids)" -lt 5 ]; do sleep 0.05; done')
    eventually(lambda: not deck.agent("one").alive, 20)
    assert deck.agent("one").state is State.DONE
    assert [pid for pid in [*pids, *daemons(deck)] if not gone(pid)] == []


@pytest.mark.parametrize("verb", ["stop", "rm", "resume", "ls"])
def test_what_lost_runner_and_guardian_is_ended_by_the_next_verb(bench: Bench, verb: str) -> None:
    line = "trap '' HUP INT TERM; echo $$ > pid; while :; do sleep 1; done"
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", line)))
    path = deck.root / ".worktrees/one/pid"
    pid = int(eventually(lambda: path.exists() and path.read_text().strip()))
    kill_both(bench, deck)
    eventually(lambda: not deck.agent("one").alive)
    assert not gone(pid)
    done = agentdeck(verb, *([] if verb == "ls" else ["one"]), cwd=bench.root)
    assert done.returncode == 0, done.stderr
    assert gone(pid)


@contextmanager
def listener(port: int) -> Iterator[subprocess.Popen[str]]:
    """A program that was never the agent's holds its port."""
    script = (
        "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print(); time.sleep(99)"
    )
    holder = subprocess.Popen([sys.executable, "-uc", script, str(port)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield holder
    finally:
        holder.kill()
        holder.wait()


def test_a_port_in_use_is_named_and_handed_to_nobody_until_it_is_free(bench: Bench) -> None:
    deck = bench.deck()
    view = deck.start(StartRequest(name="one", argv=("sleep", "600")))
    ports = view.agent.lease("ports").data["ports"]  # type: ignore[union-attr]
    with listener(ports[1]) as holder:
        told: list[Event] = []
        deck.stop("one", told.append)
        (left,) = [event for event in told if event.kind == EventKind.PROCESSES_LEFT]
        assert (left.data["pids"], left.data["ports"]) == ([holder.pid], [ports[1]])
        assert f"(process {holder.pid}) holds port {ports[1]}" in left.text
        assert f"kill {holder.pid}" in agentdeck("doctor", cwd=bench.root).stdout
        assert f"holds port {ports[1]}" in agentdeck("rm", "one", cwd=bench.root).stderr
        assert [(lease.ports, lease.lingering) for lease in deck.ports()] == [((ports[1],), True)]
        assert "ports" not in [stale.kind for stale in deck.history.stale()]
        doctor = agentdeck("doctor", cwd=bench.root).stdout
        assert "ports of one" in doctor
        assert f"kill {holder.pid}" in doctor
        again = deck.start(StartRequest(name="one", argv=("true",)))
        assert ports[1] not in again.agent.lease("ports").data["ports"]  # type: ignore[union-attr]
        deck.remove("one", stop=True)
    (stale,) = [stale for stale in deck.history.stale() if stale.kind == "ports"]
    deck.history.prune([stale])
    assert deck.ports() == []


def test_a_daemon_in_a_cgroup_of_its_agent_is_found_when_nothing_else_tells(bench: Bench) -> None:
    deck, pids = start(bench)
    if not (deck.store.agent_folder("one") / "scope").exists():
        end_all(pids)
        pytest.skip("no cgroups v2 can be had here")
    kill_both(bench, deck)
    eventually(lambda: not deck.agent("one").alive)
    assert any(not gone(pid) for pid in pids)
    scope = Path((deck.store.agent_folder("one") / "scope").read_text())
    deck.stop("one")
    assert [pid for pid in [*pids, *daemons(deck)] if not gone(pid)] == []
    assert not scope.exists()


def test_a_hidden_daemon_without_runner_guardian_and_cgroup_is_named_by_its_port(bench: Bench) -> None:
    deck, pids = start(bench)
    (deck.store.agent_folder("one") / "scope").unlink(missing_ok=True)
    (port, *_) = deck.ports()[0].ports
    kill_both(bench, deck)
    try:
        told: list[Event] = []
        deck.stop("one", told.append)
        (left,) = [event for event in told if event.kind == EventKind.PROCESSES_LEFT]
        assert left.data["ports"] == [port]
        assert left.data["pids"][0] in pids
    finally:
        end_all([*pids, *daemons(deck)])


def end_all(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_the_guardian_ends_the_agent_where_no_file_can_be_read(bench: Bench) -> None:
    deck, pids = start(bench)
    folder = deck.store.agent_folder("one")
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("in the way")
    try:
        os.kill(guardian_child(guardian(bench)), signal.SIGKILL)
        for pid in pids:
            eventually(lambda pid=pid: gone(pid), 20)  # type: ignore[misc]
    finally:
        folder.unlink()
        folder.with_name("elsewhere").rename(folder)


def guardian_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def test_a_removal_lists_the_processes_of_a_run_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", "exec sleep 600")))
    listed: list[str] = []
    members = Tree.members

    def counted(tree: Tree) -> set[int]:
        listed.append(tree.run)
        return members(tree)

    monkeypatch.setattr(Tree, "members", counted)
    deck.stop("one")
    listed.clear()
    deck.remove("one")
    assert len(listed) == 1
