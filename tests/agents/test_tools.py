"""Real Claude Code and Codex start, await and read a helper through the deck's tools; the model is on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from tests.agents.conftest import provider
from tests.support.decks import CONFIG, Bench, bench_in
from tests.support.fake_api import FakeApi
from tests.support.retry import eventually
from tests.support.share import one

pytest.importorskip("fastmcp", reason="the extra agentdeck[mcp] is not installed")
pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(240)]

CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("start_agent", {"task": "take notes", "id": "helper-1", "profile": "demo", "name": "helper"}),
    ("wait_for_agents", {"names": ["helper"], "seconds": 40}),
    ("read_agent", {"name": "helper"}),
)


@pytest.fixture
def deckbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with bench_in(tmp_path, monkeypatch, config=f"{CONFIG}\n[mcp]\nagents = true\n") as made:
        yield made


@pytest.fixture
def api(deckbench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    with provider(deckbench, programs, monkeypatch) as served:
        yield served


@pytest.mark.parametrize("cli", one(["claude", "codex"], 1))
def test_it_starts_awaits_and_reads_a_helper(deckbench: Bench, api: FakeApi, cli: str) -> None:
    api.calls = CALLS
    deck = deckbench.deck()
    deck.start(StartRequest(name="lead", task="get help", profile=cli, mode=Mode.HEADLESS, permission="edit"))
    eventually(lambda: not deck.agent("lead").state.is_live, timeout=150, pause=0.5)
    helper = deck.agent("helper")
    assert (helper.state, helper.agent.parents, helper.agent.permission) == (State.DONE, ("lead",), "edit")
    said = json.dumps([request["body"] for request in api.requests])
    assert "Wrote NOTES.md and helper.txt." in said  # the model was told what the helper did
    assert "still_working" in said


@pytest.mark.parametrize("cli", one(["claude", "codex"]))
def test_it_asks_a_person_and_works_on_with_the_answer(deckbench: Bench, api: FakeApi, cli: str) -> None:
    """Also where it has no screen: the call waits."""
    api.calls = (("ask_person", {"question": "Which colour?", "choices": ["red", "blue"]}),)
    deck = deckbench.deck()
    deck.start(StartRequest(name="lead", task="ask", profile=cli, mode=Mode.HEADLESS, permission="edit"))
    eventually(lambda: deck.agent("lead").state is State.WAITING, timeout=90, pause=0.3)
    assert [question.text for question in deck.agent("lead").status.questions] == ["Which colour?"]
    assert deck.answer("lead", "2") == "blue"
    eventually(lambda: not deck.agent("lead").state.is_live, timeout=60, pause=0.3)
    said = json.dumps([request["body"] for request in api.requests])
    assert "blue" in said.split("Which colour?")[-1] and "answered" in said
