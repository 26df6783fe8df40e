"""The model that a real CLI asks its provider for: the one that it was told, on a start and on a resume."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode
from agentdeck.engine.views import StartRequest
from tests.agents.conftest import EVERY, programs_of
from tests.agents.setups import set_up, setup_of
from tests.support.decks import Bench
from tests.support.fake_api import FakeApi
from tests.support.scripted_model import say, scripted_model

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]
TOLD = {"claude": "opus", "codex": "gpt-5.5", "opencode": "x/zeta", "gemini": "flash", "aider": "openai/zeta"}


def _asked_for(api: FakeApi) -> set[str]:
    """The models of the requests; Gemini's is in the path."""
    paths = [each["path"].rpartition("/models/")[2].partition(":")[0] for each in api.requests]
    return {each["body"].get("model") or path for each, path in zip(api.requests, paths, strict=True)} - {None, ""}


@pytest.mark.parametrize("cli", EVERY)
def test_each_cli_asks_for_the_model_it_was_told(
    bench: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, model = programs_of(request, cli), TOLD.get(cli, "zeta")
    with scripted_model([say("Done.")], [say("Done again.")]) as (api, script):
        setup = setup_of(cli, api.url)
        if cli == "opencode":
            config = json.loads(json.dumps(setup.files[".config/opencode/opencode.json"]))
            config["provider"]["x"]["models"]["zeta"] = {"name": "zeta"}
            setup.files[".config/opencode/opencode.json"] = config
        set_up(bench, programs, monkeypatch, setup)
        script.is_plain = cli == "aider"
        deck = bench.deck()
        deck.start(StartRequest(task="Do it", profile=cli, name="it", mode=Mode.HEADLESS, model=model))
        deck.wait("it")
        word = model.rpartition("/")[2]
        assert any(word in name for name in _asked_for(api)), (
            _asked_for(api),
            "\n".join(line.text for line in deck.log_lines("it")),
        )
        assert deck.agent("it").agent.model == model
        assert word in deck.agent("it").model
        api.requests.clear()
        deck.resume("it", "Once more")
        deck.wait("it")
        assert any(word in name for name in _asked_for(api)), _asked_for(api)


@pytest.mark.parametrize(("cli", "known"), [("codex", "gpt-"), ("opencode", "x/m"), ("copilot", "claude-")])
def test_a_cli_lists_its_models(
    bench: Bench, cli: str, known: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs: Path = programs_of(request, cli)
    set_up(bench, programs, monkeypatch, setup_of(cli, "http://127.0.0.1:9"))
    monkeypatch.setattr("agentdeck.engine.profiles.models._PATIENCE", 100.0)  # its first start on a busy machine
    found = bench.deck().choices.models(cli)
    assert any(name.startswith(known) for name in found), found
