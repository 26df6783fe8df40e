"""What an agent is told when it is resumed arrives: each time, and once."""

from __future__ import annotations

import json
import os

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from tests.agents.answering import press_enter_until
from tests.agents.conftest import MORE, programs_of
from tests.agents.setups import modelled
from tests.support.decks import Bench
from tests.support.scripted_model import say

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(1800)]
TIMES = int(os.environ.get("AGENTDECK_RESUMES", "3"))
PATIENCE = 240.0


@pytest.mark.parametrize("cli", MORE)
def test_each_resume_arrives_once(
    bench: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    deck, answers = bench.deck(), [[say(f"Answer {number}.")] for number in range(TIMES + 1)]
    with modelled(bench, cli, programs_of(request, cli), monkeypatch, *answers) as script:
        deck.start(StartRequest(task="Look at it", profile=cli, name="it", mode=Mode.INTERACTIVE, permission="edit"))
        begun = lambda view: script.sent > 0 and view.state is State.DONE  # noqa: E731
        press_enter_until(deck, "it", begun, PATIENCE, about="trust")
        for number in range(1, TIMES + 1):
            deck.stop("it")
            before = script.sent
            deck.resume("it", f"Say it again, please: round {number}.")
            # Copilot asks at each start whether the folder is trusted.
            over = lambda view: script.sent > before and view.state is State.DONE  # noqa: B023, E731
            press_enter_until(deck, "it", over, PATIENCE, about="trust")
            assert json.dumps(script.told[-1]).count(f"round {number}.") == 1
            assert script.sent == before + 1
        deck.stop("it")
