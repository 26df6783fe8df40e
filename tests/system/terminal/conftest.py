"""A tmux server of the test's own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.system.terminal.tmux import Tmux
from tests.support.sockets import end_server


@pytest.fixture
def tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tmux]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    server = Tmux(f"agentdeck-test-{secrets.token_hex(4)}")
    yield server
    end_server(server.socket)
