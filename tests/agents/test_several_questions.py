"""Several questions in one dialog of opencode, Qwen Code and Gemini CLI, which come one after the other."""

from __future__ import annotations

import json

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView, StartRequest
from tests.agents.conftest import programs_of
from tests.agents.setups import modelled
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.scripted_model import ask_all, call, say

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(900)]
PATIENCE = 240.0
REVIEWS = {"opencode": "Review", "qwen": "Ready to submit your answers?", "gemini": "Review your answers"}
"""What they ask once all are answered."""


def asks(deck: Deck, text: str) -> AgentView:
    try:
        eventually(lambda: text in deck.agent("it").reason, PATIENCE, pause=0.3)
    except AssertionError:
        raise AssertionError(f"{text}: {deck.agent('it').status}\n{deck.screen('it')}") from None
    return deck.agent("it")


@pytest.mark.parametrize("cli", ["opencode", "qwen", "gemini"])
def test_each_of_several_questions_is_answered_for_itself(
    bench: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [[call("tool_search", query="select:ask_user_question")]] if cli == "qwen" else []
    both = ask_all(colour=("Red", "Green"), shape=("Round", "Square", "Flat"))
    deck = bench.deck()
    with modelled(bench, cli, programs_of(request, cli), monkeypatch, *found, [both], [say("Over.")]) as script:
        deck.start(StartRequest(task="Make it", profile=cli, name="it", mode=Mode.INTERACTIVE))
        view = asks(deck, "Which colour?")
        assert view.status.question is not None
        assert [each.label for each in view.status.question.options][:2] == ["Red", "Green"]
        deck.answer("it", "2")
        view = asks(deck, "Which shape?")
        assert view.status.question is not None
        assert [each.label for each in view.status.question.options][:3] == ["Round", "Square", "Flat"]
        deck.answer("it", "3")
        last = len(found) + 1
        try:
            asks(deck, REVIEWS[cli])
            deck.answer("it", "1" if cli == "qwen" else "yes")
            eventually(lambda: script.sent > last and deck.agent("it").state is State.DONE, PATIENCE, pause=0.3)
        except Exception as error:
            raise AssertionError(f"{error} {deck.agent('it').status}\n{deck.screen('it')}") from error
        told = json.dumps(script.told[-1])
        assert "Green" in told
        assert "Flat" in told
