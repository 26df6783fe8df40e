"""Messages to real agent CLIs: they wait for the end of a turn, and “sent” means that the next one has begun."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest
from tests.agents.answering import press_enter_until
from tests.agents.conftest import provider
from tests.support.decks import Bench
from tests.support.fake_api import FakeApi
from tests.support.retry import eventually
from tests.support.share import one

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]
MULTILINE = "Line one ü\nline two\n- and three"


@pytest.fixture
def api(bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    with provider(bench, programs, monkeypatch) as served:
        yield served


def asked(api: FakeApi, text: str) -> int:
    """How many times the model was asked with `text` as the last that a person said."""
    wanted = json.dumps(text)[1:-1]
    bodies = (json.dumps(each["body"].get("messages") or each["body"].get("input")) for each in api.requests)
    return max((body.count(wanted) for body in bodies), default=0)


def begin(deck: Deck, api: FakeApi, profile: str) -> None:
    """Start it, answer what it asks first, and see it work for as long as the model thinks."""
    api.delay = 2.0
    start = StartRequest(
        task="Make the file", profile=profile, name="it", mode=Mode.INTERACTIVE, permission="all", box="off"
    )
    deck.start(replace(start, sure=True))
    press_enter_until(deck, "it", lambda view: view.state is State.WORKING and asked(api, "Make the file") > 0, 60)


@pytest.mark.parametrize("profile", one(["claude", "codex"]))
def test_a_message_waits_for_the_end_of_the_turn(bench: Bench, api: FakeApi, profile: str) -> None:
    deck = bench.deck()
    begin(deck, api, profile)
    assert not deck.send("it", MULTILINE)
    assert deck.agent("it").messages_text == "1 message waits"
    eventually(lambda: deck.agent("it").messages == (), 40)
    eventually(lambda: deck.agent("it").state is State.DONE, 30)
    assert asked(api, MULTILINE) == 1
    api.delay = 0.0
    assert deck.send("it", "One more")
    eventually(lambda: asked(api, "One more") == 1, 10)
    eventually(lambda: deck.agent("it").state is State.DONE, 30)


@pytest.mark.parametrize("profile", one(["claude", "codex"], 1))
def test_a_message_of_a_killed_runner_is_neither_typed_twice_nor_lost(bench: Bench, api: FakeApi, profile: str) -> None:
    deck = bench.deck()
    begin(deck, api, profile)
    eventually(lambda: deck.agent("it").state is State.DONE, 60)
    api.delay = 0.0
    queue = deck.store.messages("it")
    pid = deck.store.runner_pid("it")
    assert pid is not None
    queue.put("Only once")
    deck.store.wake_runner("it")
    eventually(lambda: "Only once" in deck.screen("it"), 10, pause=0.01)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not deck.agent("it").alive, 20)
    deck.repair()
    deck.resume("it")
    eventually(lambda: deck.agent("it").state in (State.DONE, State.WAITING), 60)
    assert asked(api, "Only once") <= 1, "it was typed twice"
    # The CLI may have been killed before it wrote down that it was told: then nobody knows that it has the message.
    assert asked(api, "Only once") or [each.text for each in deck.agent("it").messages] == ["Only once"]


def test_codex_works_while_its_sub_agent_does_and_counts_its_tokens(bench: Bench, api: FakeApi) -> None:
    api.calls = (("spawn_agent", {"message": "Count the files"}),)  # it waits for as long as there is a call
    deck = bench.deck()
    deck.start(StartRequest(task="Make the file", profile="codex", name="it", mode=Mode.INTERACTIVE))
    press_enter_until(deck, "it", lambda view: view.reason == "1 sub-agent in the background", 60)
    view = deck.agent("it")
    assert view.state is State.WORKING
    assert view.activity is not None
    (name,) = view.activity.subagents.values()
    assert deck.send("it", "How far is it?"), "its prompt is free"
    api.calls = ()
    eventually(lambda: deck.agent("it").state is State.DONE, 30)
    eventually(lambda: deck.store.activity("it").subagents == {}, 10)  # type: ignore[union-attr]
    eventually(lambda: deck.store.activity("it").usage.output == 5 * len(sent(api)), 10)  # type: ignore[union-attr]
    assert f"[{name}] you: Count the files" in [line.text for line in deck.log_lines("it")]


def sent(api: FakeApi) -> list[object]:
    """The requests of the agent and of its sub-agents, without those in which Codex names a session."""
    return [each for each in api.requests if each["path"].endswith("/responses") and each["body"].get("tools")]
