"""An agent in a `full` box reaches its own part of the network, and nothing else."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import AgentView, StartRequest
from tests.support import attacks, escapes
from tests.support.boxes import skip_without_box
from tests.support.decks import Bench
from tests.support.retry import eventually

ATTACKS = f"{shlex.quote(sys.executable)} -I attacks.py"


@pytest.fixture(autouse=True)
def can_make_boxes() -> None:
    skip_without_box(alone=True)


def ran(bench: Bench, script: str, name: str = "one", **more: object) -> AgentView:
    deck = bench.deck()
    request = StartRequest(name=name, argv=("sh", "-c", script), box="full", **more)  # type: ignore[arg-type]
    deck.start(request)
    eventually(lambda: not deck.agent(name).alive, 60)
    return deck.agent(name)


def said(bench: Bench, name: str = "one") -> str:
    return "\n".join(line.text for line in bench.deck().log_lines(name))


@contextmanager
def greeting(host: str = "0.0.0.0", text: bytes = b"HTTP/1.0 200 OK\r\n\r\nhello\n") -> Iterator[int]:
    """A server that says `text` to whoever connects, or sends to the same UDP port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as server, closing(socket.socket(family, socket.SOCK_DGRAM)) as datagrams:
        server.bind((host, 0))
        server.listen()
        port = server.getsockname()[1]
        datagrams.bind((host, port))

        def serve() -> None:
            with suppress(OSError):
                while True:
                    found, _ = server.accept()
                    with closing(found), suppress(OSError):
                        found.sendall(text)
                        found.shutdown(socket.SHUT_WR)
                        while found.recv(4096):  # what is not read would reset the connection
                            pass

        def answer() -> None:
            with suppress(OSError):
                while True:
                    _, sender = datagrams.recvfrom(512)
                    datagrams.sendto(text, sender)

        for each in (serve, answer):
            threading.Thread(target=each, daemon=True).start()
        yield port
        server.shutdown(socket.SHUT_RDWR)


def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def entries(bench: Bench, name: str = "one") -> list[dict[str, object]]:
    path = bench.root / f".git/agentdeck/agents/{name}/network.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_no_way_out_by_the_network(bench: Bench, tmp_path: Path) -> None:
    bench.own('[box]\nallow_domains = ["example.org"]\n')
    bench.write("attacks.py", Path(attacks.__file__).read_text())
    bench.commit()
    abstract, folder = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    name, path = f"agentdeck-test-{os.getpid()}", f"{bench.home}/sock"
    with greeting() as port, closing(abstract), closing(folder):
        abstract.bind("\0" + name)
        folder.bind(path)
        for each in (abstract, folder):
            each.listen()
        known = attacks.network(port, own_address(), name, path)
        outside = ["a server of this machine", "UDP to this machine", "an abstract socket", "a socket in a folder"]
        assert all(known[each]() for each in outside), "they would work without a box"
        ran(bench, f"{ATTACKS} {port} {own_address()} {name} {path}")
    lines = said(bench).splitlines()
    assert "all tried" in lines
    assert [line for line in lines if "got out" in line] == []
    assert {each["verdict"] for each in entries(bench)} == {"refused"}


def test_it_connects_to_what_is_allowed_and_that_is_written_down(bench: Bench) -> None:
    with greeting("127.0.0.2") as port:
        bench.own(f'[box]\nallow_domains = ["127.0.0.2:{port}"]\n')
        ran(bench, f"curl -sS http://127.0.0.2:{port}/; curl -sSp http://127.0.0.2:{port}/; curl -sS http://no.test/")
    assert said(bench).count("hello") == 2
    deck = bench.deck()
    assert [each.verdict for each in deck.reports.network(deck.agent("one"))][:2] == ["allowed", "closed"]
    verdicts = [(each["host"], each["verdict"]) for each in entries(bench)]
    assert verdicts.count(("127.0.0.2", "allowed")) == 2
    assert ("no.test", "refused") in verdicts
    assert [each["received"] for each in entries(bench) if each["verdict"] == "closed"] == [25, 25]


def test_a_port_of_this_machine_can_be_allowed(bench: Bench) -> None:
    with greeting("127.0.0.1") as port:
        bench.own(f'[box]\nallow_domains = ["localhost:{port}"]\n')
        ran(bench, f"curl -sS http://localhost:{port}/; curl -sSp --noproxy '' http://127.0.0.1:{port}/")
    assert said(bench).count("hello") == 2  # also for those that ignore NO_PROXY
    assert entries(bench) == []


SERVER = (
    "from http.server import *; import os; "
    "HTTPServer(('127.0.0.1', int(os.environ['PORT'])), SimpleHTTPRequestHandler).serve_forever()"
)


def test_its_ports_are_reached_from_outside(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", f'{shlex.quote(sys.executable)} -c "{SERVER}"'), box="full"))
    ports = deck.agent("one").agent.ports
    assert ports is not None

    def page(port: int, host: str = "127.0.0.1") -> bytes:
        with urllib.request.urlopen(f"http://{host}:{port}/README.md", timeout=5) as answer:
            return bytes(answer.read())

    def answers(host: str) -> bool:
        with suppress(OSError):
            return page(ports.ports[0], host) == b"# A project\n"
        return False

    eventually(lambda: answers("127.0.0.1"), 20)
    eventually(lambda: answers("localhost"), 20)
    with pytest.raises(OSError, match=r"reset|refused"):
        page(ports.ports[1])
    deck.stop("one")
    with pytest.raises(OSError, match="refused"):
        page(ports.ports[0])
    deck.remove("one")


def test_a_stop_ends_it_at_once_and_nothing_of_it_is_left(bench: Bench) -> None:
    import psutil

    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sleep", "600"), box="full"))
    runner = psutil.Process(deck.store.runner_pid("one") or 0)

    def proxies() -> list[psutil.Process]:
        found = runner.children(recursive=True) if runner.is_running() else []
        return [each for each in found if "agentdeck.system.box.proxy" in each.cmdline()]

    eventually(lambda: proxies() != [], 10)
    known = runner.children(recursive=True)
    deck.stop("one")
    assert deck.agent("one").status.state is State.STOPPED
    eventually(lambda: not any(each.is_running() for each in known), 5)


def test_logins_of_the_shell_stay_outside(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "MY_API_KEY", "DB_PASSWORD", "MYSQL_PWD", "PLAIN"):
        monkeypatch.setenv(name, "theirs")
    monkeypatch.setenv("QUEUE_URL", "amqp://me:theirs@example.org/x")
    ran(bench, "env; git config user.email", env={"GIVEN_TOKEN": "mine"})
    lines = said(bench).splitlines()
    assert not [line for line in lines if line.endswith("=theirs") and not line.startswith("PLAIN")]
    assert "PLAIN=theirs" in lines
    assert not [line for line in lines if line.startswith("QUEUE_URL")]
    assert "GIT_AUTHOR_NAME=Test" in lines
    assert "GIVEN_TOKEN=mine" in lines
    assert os.environ["GIT_AUTHOR_EMAIL"] in lines


@pytest.mark.parametrize("mode", ["files", "full"])
def test_the_gate_has_no_network_unless_told(bench: Bench, mode: str) -> None:
    commits = ("sh", "-c", "echo $AGENTDECK_AGENT > file; git add file; git commit -qm done")
    with greeting("127.0.0.1") as port:
        bench.own(f'[box]\nallow_domains = ["localhost:{port}"]\n')
        bench.deck().start(StartRequest(name="one", argv=commits, box=mode))
        eventually(lambda: not bench.deck().agent("one").alive, 30)
        reached = f"curl -sS -m 5 http://127.0.0.1:{port}/"
        bench.deck().land(LandRequest(("one",), gate=(f"! {reached}",)))
        assert bench.git("show", "main:file") == "one"
        bench.own(f'[box]\ngate_network = true\nallow_domains = ["localhost:{port}"]\n')
        bench.deck().start(StartRequest(name="two", argv=commits, box=mode))
        eventually(lambda: not bench.deck().agent("two").alive, 30)
        bench.deck().land(LandRequest(("two",), gate=(reached,)))
        assert bench.git("show", "main:file") == "two"


def test_a_killed_proxy_leaves_it_without_network_and_alive(bench: Bench) -> None:
    import psutil

    with greeting("127.0.0.1") as port:
        bench.own(f'[box]\nallow_domains = ["localhost:{port}"]\n')
        deck = bench.deck()
        script = f"curl -sS http://localhost:{port}/; touch ready; while [ ! -e go ]; do sleep 0.1; done; "
        script += f"curl -sS -m 3 http://localhost:{port}/ || echo cut off"
        deck.start(StartRequest(name="one", argv=("sh", "-c", script), box="full"))
        worktree = Path(bench.worktrees()[-1])
        eventually((worktree / "ready").exists, 20)
        runner = psutil.Process(deck.store.runner_pid("one") or 0)
        for each in runner.children():
            if "agentdeck.system.box.proxy" in each.cmdline():
                each.kill()
        (worktree / "go").touch()
        eventually(lambda: not deck.agent("one").alive, 20)
    assert said(bench).count("hello") == 1
    assert "cut off" in said(bench)


def test_its_database_is_reached_with_a_role_of_its_own(bench: Bench, postgres: str) -> None:
    bench.own(f'[database]\nengine = "postgres"\nurl = "{postgres}"\n')
    bench.write("agentdeck.toml", "")
    bench.commit()
    script = (
        'psql -At "$DATABASE_URL" -c "create table mine(id int)" -c "select current_user = current_database()"; '
        'psql -At "$DATABASE_URL" -c "create role evil" || echo held; '
        'psql -At "${DATABASE_URL%/*}/postgres" -c "create table public.evil(id int)" || echo held'
    )
    ran(bench, script)
    lines = said(bench).splitlines()
    assert "t" in lines, lines
    assert lines.count("held") == 2, lines
    deck = bench.deck()
    lease = deck.agent("one").agent.database
    assert lease is not None
    assert lease.plan["role"] == lease.plan["name"]
    deck.remove("one")
    deck.undo()
    deck.resume("one")
    eventually(lambda: not deck.agent("one").alive, 60)
    assert 'relation "mine" already exists' in said(bench)
    deck.remove("one")


@pytest.mark.parametrize("mode", ["files", "full"])
def test_no_way_out_to_other_processes_or_the_machine(bench: Bench, mode: str) -> None:
    import subprocess

    for module in (attacks, escapes):
        path = Path(str(module.__file__))
        bench.write(f"tests/support/{path.name}", path.read_text())
    secret = bench.home / "secret"
    secret.write_text("key")
    token = "token-of-another-agent-0123"
    deck = bench.deck()
    deck.start(StartRequest(name="two", argv=("sleep", "600"), env={"SECRET": token}))
    outside = subprocess.Popen(["sleep", "4242"], env={"SECRET": token})
    clock = time.monotonic(), time.time()
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0{token}")
    abstract.listen()
    tmux = f"/tmp/tmux-{os.getuid()}/{bench.socket}"
    assert Path(tmux).exists()
    bench.write("words", "\n".join([str(outside.pid), str(secret), tmux, token]))
    bench.commit()
    # What it looks for is not on the command line of a process of its own.
    script = f"PYTHONPATH=. exec {shlex.quote(sys.executable)} -m tests.support.escapes words"
    try:
        deck.start(StartRequest(name="one", argv=("sh", "-c", script), box=mode))
        eventually(lambda: not deck.agent("one").alive, 60)
        assert outside.poll() is None
        assert deck.agent("two").alive
    finally:
        abstract.close()
        outside.kill()
        outside.wait()
        deck.stop("two")
    lines = said(bench).splitlines()
    assert "all tried" in lines
    assert [line for line in lines if "got out" in line] == [], lines
    assert abs((time.time() - clock[1]) - (time.monotonic() - clock[0])) < 60
    assert secret.read_text() == "key"
