"""Notices of real agents, sent by the real Apprise to a server on loopback, and to a program."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck
from tests.support.decks import Bench
from tests.support.retry import eventually


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Receiver:
    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    refuses: bool = False

    @property
    def titles(self) -> list[str]:
        return [each["title"] for each in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if not found.refuses:
                found.got.append(body)
            self.send_response(500 if found.refuses else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with served(Handler) as address:
        found.url = f"json://{address}/"
        yield found


def told_to(bench: Bench, receiver: Receiver, more: str = "") -> None:
    pytest.importorskip("apprise", reason="the extra agentdeck[notify] is not installed")
    bench.own(f'[notify]\nurls = ["{receiver.url}"]\nsettle = 0.5\n{more}\n')


def test_a_question_is_told_once_with_its_text(bench: Bench, receiver: Receiver) -> None:
    told_to(bench, receiver)
    deck = bench.deck()
    deck.start(StartRequest(name="fox", task="notes [ask]", profile="demo"))
    eventually(lambda: receiver.titles, timeout=40)
    assert receiver.titles == ["fox waits · prøject one"]
    assert "Allow this command?" in receiver.got[0]["message"]
    deck.notices.poke()
    assert agentdeck("notify", cwd=bench.root).stderr == "There is nothing to tell.\n"
    deck.answer("fox", "yes")
    eventually(lambda: deck.agent("fox").state is State.DONE, timeout=30)
    assert len(receiver.got) == 1


def test_what_fails_at_the_same_time_comes_as_one(bench: Bench, receiver: Receiver) -> None:
    told_to(bench, receiver, "detail = 'name'")
    deck = bench.deck()
    deck.settings  # noqa: B018 - read before the agents
    bench.own(f'[notify]\nurls = ["{receiver.url}"]\nsettle = 6\n')
    for name in ("one", "two"):
        bench.deck().start(StartRequest(name=name, task="notes [fail]", profile="demo"))
    eventually(lambda: receiver.titles, timeout=60)
    assert receiver.titles == ["2 agents need you: one, two"]


def test_quiet_hours_and_the_limit_hold_back_and_lose_nothing(bench: Bench, receiver: Receiver) -> None:
    told_to(bench, receiver, 'quiet = "00:00-23:59"')
    bench.deck().start(StartRequest(name="fox", task="notes [fail]", profile="demo"))
    deck = bench.deck()
    eventually(lambda: deck.agent("fox").state is State.FAILED, timeout=40)
    assert deck.notices.pending() == []
    told_to(bench, receiver)
    deck = bench.deck()
    assert [each.kind for each in deck.notices.pending()] == ["failed"]
    receiver.refuses = True
    argv = [sys.executable, "-I", "-m", "agentdeck.notices", "--root", str(bench.root)]
    import subprocess

    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "json://… did not take the notice." in done.stderr
    receiver.refuses = False
    assert subprocess.run(argv, check=False).returncode == 0
    assert receiver.titles == ["fox failed · prøject one"] and deck.notices.pending() == []


def test_a_program_of_ones_own_and_the_digest_of_the_day(bench: Bench) -> None:
    program = bench.write("told.sh", "#!/bin/sh\ncat >> ~/told.jsonl; echo >> ~/told.jsonl\n", cwd=bench.home)
    program.chmod(0o755)
    bench.own(f"[notify]\ncommand = [{json.dumps(str(program))}]\n")
    assert agentdeck("notify", "--test", cwd=bench.root).returncode == ExitCode.OK
    for _ in range(2):
        done = agentdeck("digest", "--send", cwd=bench.root)
        assert done.returncode == ExitCode.OK, done.stderr
    assert "sent already" in done.stderr
    told = [json.loads(line) for line in (bench.home / "told.jsonl").read_text().splitlines()]
    assert [each["title"] for each in told] == ["A test of AgentDeck · prøject one", "prøject one: nothing new"]


def test_a_bad_address_is_named_without_its_token_and_a_repository_may_not_say_where(bench: Bench) -> None:
    pytest.importorskip("apprise")
    bench.own('[notify]\nurls = ["nonsense://t0ken/x"]\n')
    done = agentdeck("notify", "--test", cwd=bench.root)
    assert done.returncode == ExitCode.FAILED and "nonsense://… is not an address" in done.stderr
    assert "t0ken" not in done.stderr
    bench.own()
    bench.write("agentdeck.toml", '[notify]\nurls = ["json://evil"]\n')
    assert agentdeck("run", "x", cwd=bench.root).returncode == ExitCode.CONFIG
    bench.write("agentdeck.toml", "")
    assert agentdeck("notify", "--test", cwd=bench.root).returncode == ExitCode.REFUSED


@dataclass
class Topics:
    """Topics of ntfy: what was published to each, oldest first, with its headers."""

    address: str = ""
    messages: dict[str, list[tuple[str, dict[str, str]]]] = field(default_factory=dict)
    looks: int = 0
    """How often all of the messages were asked for."""


@pytest.fixture
def topics() -> Iterator[Topics]:
    found = Topics()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            told = json.loads(body) if self.path == "/" else {"topic": self.path[1:], "message": body}
            found.messages.setdefault(f"/{told['topic']}", []).append((told["message"], dict(self.headers)))
            self._answer(b"{}")

        def do_GET(self) -> None:
            path, _, query = self.path.partition("/json?poll=1&since=")
            first = int(query.removeprefix("m")) + 1 if query.startswith("m") else 0
            told = enumerate(found.messages.get(path, []))
            lines = [{"id": f"m{at}", "event": "message", "message": text} for at, (text, _) in told if at >= first]
            found.looks += 1
            self._answer("".join(json.dumps(line) + "\n" for line in lines).encode())

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with served(Handler) as address:
        found.address = address
        yield found


def test_a_question_is_answered_by_a_message_to_a_topic(bench: Bench, topics: Topics) -> None:
    pytest.importorskip("apprise", reason="the extra agentdeck[notify] is not installed")
    own = f'urls = ["ntfy://{topics.address}/told"]\nreplies = "http://{topics.address}/said"\nsettle = 0.5\n'
    bench.own(f"[notify]\n{own}")
    deck = bench.deck()
    deck.start(StartRequest(name="fox", task="notes [ask]", profile="demo"))
    ((text, headers),) = eventually(lambda: topics.messages.get("/told"), timeout=40) or []
    (button, *_) = json.loads(headers["X-Actions"])
    assert button["url"] == f"http://{topics.address}/said"
    word = button["body"].split()[0]
    assert f"To answer, send “{word} yes” or “{word} no”" in text
    said, looks = topics.messages.setdefault("/said", []), topics.looks
    for wrong in ("yes", "1", f"{word} 9", f"{word} yes; true", "00000000 yes", "[" * 100_000):
        said.append((wrong, {}))
    eventually(lambda: topics.looks > looks, timeout=30)
    assert deck.agent("fox").state is State.WAITING
    said.append((button["body"], {}))
    eventually(lambda: deck.agent("fox").state is State.DONE, timeout=30)
