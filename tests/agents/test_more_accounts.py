"""opencode, Qwen Code and Gemini CLI with two accounts: at one's limit the other goes on with the conversation."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from agentdeck.system.files.files import state_home
from tests.agents.conftest import programs_of
from tests.agents.setups import Setup, set_up, setup_of
from tests.support.accounts import model_with_logins
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.scripted_model import run, say

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(600)]
ONE, TWO = "sk-one-0123456789", "sk-two-0123456789"
KEYS = {"opencode": "", "qwen": "OPENAI_API_KEY", "gemini": "GEMINI_API_KEY"}


def without_key(cli: str, url: str) -> Setup:
    """How the CLI is led to the model, but for its login."""
    setup = setup_of(cli, url)
    settings: Mapping[str, object] = setup.files
    if cli == "opencode":
        text = json.dumps(setup.files).replace(', "apiKey": "dummy"', "")
        settings = json.loads(text)
    return Setup({name: value for name, value in setup.env.items() if name != KEYS[cli]}, dict(settings))


def log_in(cli: str, folder: Path, key: str, settings: Mapping[str, object]) -> None:
    """Put a login of its own into the folder of an account."""
    if cli == "opencode":
        path, text = folder / "opencode" / "auth.json", json.dumps({"x": {"type": "api", "key": key}})
    else:
        own = folder / ".gemini" if cli == "gemini" else folder
        path, text = own / ".env", f"{KEYS[cli]}={key}\n"
        own.mkdir(parents=True, exist_ok=True)
        (own / "settings.json").write_text(json.dumps(settings[f".{cli}/settings.json"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("cli", KEYS)
def test_the_other_account_goes_on_with_the_conversation(
    bench: Bench, cli: str, mode: Mode, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, deck, usual = programs_of(request, cli), bench.deck(), {"opencode": ".local/share", "qwen": ".qwen"}
    with model_with_logins([run("echo one > one.txt")], [say("It is made.")], [say("It is still there.")]) as (
        api,
        script,
        logins,
    ):
        setup = without_key(cli, api.url)
        set_up(bench, programs, monkeypatch, setup)
        monkeypatch.setenv("GEMINI_CLI_TRUST_WORKSPACE", "true")
        bench.own(f'[accounts.work]\nprofile = "{cli}"\nfolder = "{state_home() / "work ünd"}"\n')
        log_in(cli, bench.home / usual.get(cli, ""), ONE, setup.files)
        log_in(cli, state_home() / "work ünd", TWO, setup.files)
        logins.limited[TWO] = 0.0
        script.on_answer = lambda blocks: logins.limited.update({ONE: time.time() + 3000})
        task = "Make the file one.txt"
        deck.start(StartRequest(task=task, profile=cli, name="fox", mode=mode, permission="all", box="off", sure=True))
        if mode is Mode.HEADLESS:
            view = deck.wait("fox")
            assert view.outcome is ExitCode.UNCOMMITTED, (view.status, deck.events("fox"))
        else:
            eventually(lambda: deck.agent("fox").state is State.DONE and TWO in logins.asked, 200, pause=0.3)
        view = deck.agent("fox")
        log = "\n".join(line.text for line in list(deck.log_lines("fox"))[-40:])
        assert (view.profile, logins.asked[0]) == (f"{cli}@work", ONE), log
        told = json.dumps(script.told[-1])
        assert "Make the file one.txt" in told
        assert "echo one > one.txt" in told, "the conversation came along"
        assert "You take over a task" not in told
        assert view.worktree is not None
        assert (view.worktree / "one.txt").read_text() == "one\n"
        deck.stop("fox")
