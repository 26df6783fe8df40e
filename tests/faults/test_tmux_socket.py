"""The socket of the tmux server is deleted, as cleaners of /tmp do: every verb finds the server again."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from agentdeck.system.terminal.control import ScreenReader
from agentdeck.system.terminal.tmux import Tmux
from tests.support.cli import agentdeck
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.verdicts import assert_ok, assert_refused
from tests.system.terminal.test_control import with_reader

ECHO = 'echo ready; while read -r line; do echo "GOT<$line>"; done'


def server_of(bench: Bench) -> tuple[int, Path]:
    pid, socket = Tmux(bench.socket).command("display-message", "-p", "#{pid} #{socket_path}").split(" ", 1)
    return int(pid), Path(socket)


def lose(bench: Bench) -> int:
    """Delete the socket under a server with two agents, one of which has ended; return the server's pid."""
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", ECHO)))
    deck.start(StartRequest(name="ended", argv=("true",)))
    deck.wait("ended")
    eventually(lambda: deck.agent("one").state is State.WORKING)
    pid, socket = server_of(bench)
    socket.unlink()
    return pid


VERBS: dict[str, Callable[[Bench], object]] = {
    "send": lambda bench: assert_ok(agentdeck("send", "one", "hello", cwd=bench.root)),
    "send --keys": lambda bench: assert_ok(agentdeck("send", "one", "--keys", "x Enter", cwd=bench.root)),
    "attach": lambda bench: assert_ok(agentdeck("--json", "attach", "one", cwd=bench.root)),
    "show": lambda bench: assert_ok(agentdeck("show", "--screen", "one", cwd=bench.root)),
    "resume": lambda bench: assert_ok(agentdeck("resume", "ended", cwd=bench.root)),
    "run": lambda bench: assert_ok(agentdeck("run", "-d", "-n", "new", "--", "sleep", "100", cwd=bench.root)),
    "doctor": lambda bench: agentdeck("doctor", cwd=bench.root),
    "prune": lambda bench: agentdeck("prune", "--yes", cwd=bench.root),
    "rm": lambda bench: assert_ok(agentdeck("rm", "ended", cwd=bench.root)),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_finds_the_server_whose_socket_is_gone(bench: Bench, verb: str) -> None:
    pid = lose(bench)
    VERBS[verb](bench)
    assert "one" in bench.windows()
    assert server_of(bench)[0] == pid
    assert_ok(agentdeck("send", "one", "after that", cwd=bench.root))
    eventually(lambda: "GOT<after that>" in [line.text for line in bench.deck().log_lines("one")])


def test_the_dashboard_finds_it_too(bench: Bench) -> None:
    lose(bench)
    tmux, deck = Tmux(bench.socket), bench.deck().name

    async def script(reader: ScreenReader) -> None:
        found = await reader.capture("one")
        assert found is not None
        assert found.lines[0] == "ready"

    with_reader(tmux, script, deck)


def test_no_other_program_gets_the_signal(bench: Bench) -> None:
    """It would end any but tmux: one that has got the pid of a server that is gone must live on."""
    pid = lose(bench)
    record = bench.home / ".local/state/agentdeck" / f"tmux-{bench.socket}.json"
    known = json.loads(record.read_text())
    assert known["pid"] == pid
    with subprocess.Popen(["sleep", "100"]) as other:
        record.write_text(json.dumps({**known, "pid": other.pid}))
        assert bench.windows() == []
        for broken in ("{}", "[]", "not json", '{"pid": "x", "started": "", "socket": 3}'):
            record.write_text(broken)
            assert bench.windows() == []
        assert other.poll() is None
        other.kill()
    record.write_text(json.dumps(known))
    assert bench.windows() != []


def test_an_agent_whose_window_can_t_be_found_can_be_stopped_and_started_again(bench: Bench) -> None:
    pid = lose(bench)
    (bench.home / ".local/state/agentdeck" / f"tmux-{bench.socket}.json").unlink()
    try:
        hint = "agentdeck stop one && agentdeck resume one"
        assert_refused(agentdeck("attach", "--json", "one", cwd=bench.root), ExitCode.NOT_FOUND, says=[hint])
        assert_ok(agentdeck("stop", "one", cwd=bench.root))
        assert_ok(agentdeck("resume", "one", cwd=bench.root))
        assert_ok(agentdeck("send", "one", "hello", cwd=bench.root))
        assert bench.windows() == ["one"]
    finally:
        os.kill(pid, 15)
