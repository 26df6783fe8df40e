"""Real Claude Code and Codex race on one task; the model is on loopback."""

from __future__ import annotations

import pytest

from agentdeck.core.agents.agent import Mode
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.landings import Stage
from tests.support.decks import CONFIG, Bench
from tests.support.fake_api import CONTENT, FILE, FakeApi

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(240)]


def test_claude_and_codex_race_and_the_best_lands(bench: Bench, api: FakeApi) -> None:
    bench.write("agentdeck.toml", f'{CONFIG}\n[landing]\ngate = ["test -s {FILE}"]\n')
    bench.commit("rules")
    api.commands = (f"printf '{CONTENT.strip()}\\n' > {FILE} && git add -A && git commit -qm 'Make the file'",)
    deck = bench.deck()
    request = StartRequest(task="Make the file", name="race", mode=Mode.HEADLESS, permission="edit")
    race = deck.races.prepare(request, "claude,codex")
    deck.races.start(race, request)
    found = deck.races.standing()
    assert {score.name: score.out for _, score in found.places} == {"race-1": "", "race-2": ""}
    assert {score.gate for _, score in found.places} == {"passed"}
    winner = found.best[0]
    landing = deck.races.land(found, winner, approved="a test")
    assert landing is not None and landing.entries[0].stage is Stage.LANDED
    assert (bench.root / FILE).read_text() == CONTENT
    assert [view.name for view in deck.agents()] == [winner]
