"""The gateway as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.providers.apis import Api
from agentdeck.errors import ExitCode
from agentdeck.system.files.files import is_locked
from agentdeck.system.gateway import tokens
from agentdeck.system.gateway.tokens import Bearer
from tests.support.retry import eventually

KEY = "sk-process-secret"
HANGS = 90.0
"""Seconds after which a process hangs: to start one takes 0.5 s of a processor, of which it may have a fiftieth."""


class Process:
    def __init__(self, folder: Path) -> None:
        self.state = folder / "state ü"
        self.config = folder / "config.json"
        self._children: list[subprocess.Popen[bytes]] = []
        self.write(
            {"providers": {"main": {"base_url": "http://127.0.0.1:9/v1", "apis": ["chat"], "key_env": "MY_KEY"}}}
        )

    def write(self, plan: dict[str, Any]) -> None:
        plan = {"tiers": {"work": ["main:m"]}, "gateway": {"retries": 0}, **plan}
        self.config.write_text(json.dumps({"decks": {"": plan}}))

    def start(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "agentdeck.gateway", "--state", str(self.state), "--config", str(self.config)]
        child = subprocess.Popen(argv, stderr=subprocess.PIPE, env={**os.environ, "MY_KEY": KEY})
        self._children.append(child)
        return child

    def address(self, child: subprocess.Popen[bytes]) -> dict[str, Any]:
        """What it wrote once it listened."""

        def written() -> dict[str, Any] | None:
            assert child.poll() is None, "it ended"
            path = self.state / "gateway.json"
            found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
            return found if found and found["pid"] == child.pid else None

        found = eventually(written, HANGS)
        assert found is not None
        return found

    def end(self) -> None:
        for child in self._children:
            if child.poll() is None:
                child.kill()
            child.wait()
            if child.stderr is not None:
                child.stderr.close()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    process.end()


def ask(port: int, token: str) -> tuple[int, str]:
    url = tokens.base_url(port, token, Api.CHAT) + "/chat/completions"
    request = urllib.request.Request(url, data=b'{"model": "m"}', headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_it_tells_where_it_listens_only_to_its_user_and_only_on_loopback(process: Process) -> None:
    child = process.start()
    port = process.address(child)["port"]
    assert process.state.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in process.state.iterdir()} == {0o600}
    assert is_locked(process.state / "gateway.lock")
    token = tokens.mint(tokens.secret(process.state), Bearer("deck", "fox", "work"))
    status, body = ask(port, token)
    assert status == 400
    assert "tried: main:m" in body
    host = _own_address()
    if host:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((host, port), timeout=2).close()
    child.send_signal(signal.SIGTERM)
    assert child.wait(HANGS) == 0
    assert not is_locked(process.state / "gateway.lock")
    assert child.stderr is not None
    written = child.stderr.read() + b"".join(path.read_bytes() for path in process.state.iterdir())
    assert KEY.encode() not in written
    assert token.encode() not in written


def test_a_second_one_refuses_and_a_restart_is_found_at_the_same_port(process: Process) -> None:
    first = process.start()
    port = process.address(first)["port"]
    second = process.start()
    assert second.wait(HANGS) == ExitCode.REFUSED
    assert second.stderr is not None
    said = second.stderr.read().decode()
    assert "is using the gateway" in said or "already" in said
    first.kill()
    first.wait()
    assert process.address(process.start())["port"] == port


def test_a_wrong_configuration_is_an_error_with_its_reason(process: Process) -> None:
    process.write({"tiers": {"work": 7}})
    child = process.start()
    assert child.wait(HANGS) == ExitCode.CONFIG
    assert child.stderr is not None
    said = child.stderr.read().decode()
    assert "tiers.work" in said
    assert "Traceback" not in said


def _own_address() -> str:
    """An address of this machine that is not loopback; empty where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("10.255.255.255", 1))
        except OSError:
            return ""
        address = str(sock.getsockname()[0])
    return "" if address.startswith("127.") else address
