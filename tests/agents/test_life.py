"""The whole life of an agent with more of the real CLIs: start, trust, permission, work, kill -9, resume, landing.

Their state is read off their screens alone: none of them reports it through hooks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView, StartRequest
from tests.agents.answering import press_enter_until
from tests.agents.conftest import MORE
from tests.agents.setups import set_up, setup_of
from tests.support.cli import agentdeck
from tests.support.decks import Bench
from tests.support.fake_api import CONTENT, FILE, FINISHED, FakeApi, fake_api
from tests.support.retry import eventually
from tests.support.verdicts import assert_ok

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(900)]
PATIENCE = 240.0
"""Seconds that a CLI may take for a turn; some start slowly for the first time in a new home."""


@pytest.fixture
def api(bench: Bench, cli: str, more_programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    if not (more_programs / cli).exists():
        pytest.skip(f"npm could not install {MORE[cli]}")
    with fake_api() as served:
        set_up(bench, more_programs, monkeypatch, setup_of(cli, served.url))
        if cli == "opencode":
            own = bench.home / ".config/opencode/opencode.json"
            own.write_text(json.dumps({**json.loads(own.read_text()), "permission": {"bash": "ask"}}))
        served.delay = 1.0
        yield served


def reach(deck: Deck, name: str, reached: Callable[[AgentView], bool]) -> None:
    press_enter_until(deck, name, reached, PATIENCE, about="trust")


def asks_permission(view: AgentView) -> bool:
    return view.state is State.WAITING and "trust" not in view.reason.lower()


def log_of(deck: Deck) -> list[str]:
    return [line.text for line in deck.log_lines("life") if not line.is_note]


@pytest.mark.parametrize("cli", MORE)
def test_a_whole_life(bench: Bench, api: FakeApi, cli: str) -> None:
    deck = bench.deck()
    view = deck.start(StartRequest(task="Make the file", profile=cli, name="life", mode=Mode.INTERACTIVE))
    assert view.worktree is not None
    made = view.worktree / FILE
    reach(deck, "life", asks_permission)
    assert not made.exists()
    deck.send("life", keys=["Enter"])
    reach(deck, "life", lambda view: view.state is State.DONE and made.exists())
    assert made.read_text() == CONTENT
    assert FINISHED in deck.screen("life")
    eventually(lambda: f"agent: {FINISHED}" in log_of(deck), 5)
    assert any(line.endswith("Make the file") for line in log_of(deck))
    assert any(FILE in line and not line.startswith(" ") for line in log_of(deck)), "its tool is in the log"
    activity = deck.store.activity("life")
    assert activity is not None
    assert activity.usage.output >= 10
    assert activity.context == 15
    assert activity.now is None

    runner, agent = deck.store.runner_pid("life"), deck.agent("life").status.agent_pid
    assert runner is not None
    os.kill(runner, 9)
    eventually(lambda: not Path(f"/proc/{agent}").exists(), 20)
    before = len(api.requests)
    deck.resume("life", "And again")
    reach(deck, "life", lambda view: view.state is State.DONE and len(api.requests) > before)
    eventually(lambda: any("And again" in line for line in log_of(deck)), 5)
    told = [json.dumps(request["body"]) for request in api.requests[before:]]
    assert any("And again" in text and "Make the file" in text for text in told), "the context was lost"

    deck.stop("life")
    bench.commit("Made by an agent", cwd=view.worktree)
    assert_ok(agentdeck("merge", "life", cwd=bench.root))
    assert bench.git("show", f"main:{FILE}") == CONTENT.strip()
    deck.remove("life")
    assert bench.worktrees() == [str(bench.root)]
