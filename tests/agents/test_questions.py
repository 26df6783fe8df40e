"""The questions that the model of real Claude Code puts to a person: seen whole, answered by number and in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.core.question import Asks
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.errors import RefusedError, UsageError
from tests.agents.answering import press_enter_until
from tests.agents.conftest import provider
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.fake_api import FakeApi
from tests.support.retry import eventually
from tests.tui.pilots import Driver, drive

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]


def question(text: str, *labels: str, many: bool = False) -> dict[str, Any]:
    options = [{"label": label, "description": f"Use {label}"} for label in labels]
    return {"question": text, "header": text.split()[1], "options": options, "multiSelect": many}


COLOUR = question("Which colour shall the button have?", "Red", "Blue", "Green")
SHAPE = question("Which shape shall it have?", "Round", "Square")
PARTS = question("Which parts shall have tests?", "Model", "View", "Controller", many=True)


@pytest.fixture
def api(bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    with provider(bench, programs, monkeypatch) as served:
        yield served


def asks_of_model(view: AgentView) -> bool:
    return view.state is State.WAITING and view.status.question is not None and view.reason.startswith("Which")


def begin(deck: Deck, api: FakeApi, *questions: dict[str, Any]) -> None:
    """Start it and come to the first question of its model; it does nothing more."""
    api.asks, api.commands = questions, ()
    deck.start(StartRequest(task="Make a button", profile="claude", name="cc", mode=Mode.INTERACTIVE))
    press_enter_until(deck, "cc", asks_of_model, 60)


def told(api: FakeApi) -> str:
    """What the model was told of the answers."""
    results = [
        json.dumps(block["content"], ensure_ascii=False)
        for request in api.requests
        for message in request["body"].get("messages", [])
        if isinstance(message["content"], list)
        for block in message["content"]
        if block.get("type") == "tool_result"
    ]
    return results[-1] if results else ""


def test_a_choice_is_listed_and_answered_by_its_number(bench: Bench, api: FakeApi) -> None:
    deck = bench.deck()
    begin(deck, api, COLOUR)
    (found,) = objects(agentdeck("asks", "--json", cwd=bench.root).stdout)
    (asked,) = found["questions"]
    assert asked["text"] == COLOUR["question"]
    assert [each["label"] for each in asked["options"]] == ["Red", "Blue", "Green"]
    assert asked["options"][0]["description"] == "Use Red"
    assert (asked["kind"], asked["yes"], asked["no"]) == (Asks.CHOICE, None, None)
    listed = agentdeck("asks", cwd=bench.root).stdout
    assert "2 Blue" in listed
    with pytest.raises(RefusedError, match="not for a yes or a no"):
        deck.answer("cc", "yes")
    with pytest.raises(UsageError, match="none of the options"):
        deck.answer("cc", "4")
    done = agentdeck("answer", "cc", "2", cwd=bench.root)
    assert (done.returncode, done.stderr) == (0, "Answered cc: Blue.\n")
    eventually(lambda: deck.agent("cc").state is State.DONE, 20)
    assert f'{COLOUR["question"]}\\"=\\"Blue' in told(api)


def test_a_choice_is_answered_in_own_words(bench: Bench, api: FakeApi) -> None:
    deck = bench.deck()
    begin(deck, api, COLOUR)
    done = agentdeck("answer", "cc", "--text", "A dark violet", cwd=bench.root)
    assert (done.returncode, done.stderr) == (0, "Answered cc: A dark violet.\n")
    eventually(lambda: deck.agent("cc").state is State.DONE, 20)
    assert "A dark violet" in told(api)


def test_several_questions_come_one_after_the_other(bench: Bench, api: FakeApi) -> None:
    deck = bench.deck()
    begin(deck, api, COLOUR, PARTS, SHAPE)
    assert [each.text for each in deck.agent("cc").status.questions] == [
        COLOUR["question"],
        PARTS["question"],
        SHAPE["question"],
    ]
    assert deck.answer("cc", "3") == "Green"
    eventually(lambda: deck.agent("cc").reason == PARTS["question"], 5)
    with pytest.raises(RefusedError, match="asks a question"):
        deck.send("cc", "1")
    assert deck.answer("cc", "1,3") == "Model, Controller"
    eventually(lambda: deck.agent("cc").reason == SHAPE["question"], 5)
    with pytest.raises(UsageError, match="takes one option"):
        deck.answer("cc", "1,2")
    assert deck.answer("cc", "2") == "Square"
    eventually(lambda: deck.agent("cc").state is State.DONE, 20)
    for text in ("Green", "Model, Controller", "Square"):
        assert text in told(api)


def test_the_dashboard_answers_by_its_keys(bench: Bench, api: FakeApi) -> None:
    begin(bench.deck(), api, COLOUR, PARTS)

    async def script(on: Driver) -> None:
        await on.state("cc", State.WAITING)
        await on.sees(COLOUR["question"], "2 Blue", "Use Blue")
        await asyncio.sleep(0.5)
        await on.press("2")
        await on.sees(PARTS["question"], "3 Controller")
        await asyncio.sleep(0.5)
        await on.press("1")  # takes several: the inbox has a box for each
        await on.sees("[ ] Model")
        await asyncio.sleep(0.5)
        await on.press("1", "3")
        await on.sees("[x] Model", "[ ] View", "[x] Controller")
        await on.press("enter")
        await on.state("cc", State.DONE)

    drive(bench.deck(), script)
    for text in ("Blue", "Model, Controller"):
        assert text in told(api)
