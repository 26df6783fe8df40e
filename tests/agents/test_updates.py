"""A CLI that offers its own update asks a question, and “no” updates nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from tests.agents.conftest import programs_of
from tests.agents.setups import set_up, setup_of
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.scripted_model import say, scripted_model

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(900)]
PATIENCE = 240.0
_UP = 45.0
"""Seconds until the registry answers: an offer that comes before its screen is up, opencode drops."""


@contextmanager
def registry(asked: list[str]) -> Iterator[str]:
    """The address of a registry of packages in which opencode has a newer version."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            is_latest = self.path == "/opencode-ai/latest"
            time.sleep(_UP if is_latest else 0.0)
            data = json.dumps({"version": "99.0.0"} if is_latest else {}).encode()
            self.send_response(200 if is_latest else 404)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def test_opencode_is_not_updated(
    bench: Bench, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, asked, deck = programs_of(request, "opencode"), list[str](), bench.deck()
    installed = tmp_path / "prefix/lib/node_modules"
    installed.mkdir(parents=True)
    (installed / "opencode-ai").symlink_to(programs.parent / "opencode-ai")
    with registry(asked) as url, scripted_model([say("All is done.")]) as (api, script):
        setup = setup_of("opencode", api.url)
        del setup.env["OPENCODE_DISABLE_AUTOUPDATE"], setup.env["npm_config_registry"]
        setup.files[".npmrc"] = f"registry={url}\nprefix={tmp_path / 'prefix'}\n"
        own = setup.files[".config/opencode/opencode.json"]
        assert isinstance(own, dict)
        own["autoupdate"] = "notify"
        set_up(bench, programs, monkeypatch, setup)
        deck.start(StartRequest(task="Make it", profile="opencode", name="it", mode=Mode.INTERACTIVE))
        eventually(lambda: "A new release" in deck.agent("it").reason, PATIENCE, pause=0.3)
        view = deck.agent("it")
        assert view.state is State.WAITING
        question = view.status.question
        assert question is not None
        assert question.words == ("yes", "no")
        deck.answer("it", "no")
        eventually(lambda: script.sent == 1 and deck.agent("it").state is State.DONE, PATIENCE, pause=0.3)
        assert "A new release" not in deck.screen("it")
        assert not any("/-/" in path for path in asked), "it fetches no package"
        deck.stop("it")
