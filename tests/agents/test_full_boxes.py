"""Whole lives of real agent CLIs in a `full` box: nothing of the network but the gateway, and no login inside."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.deck import Deck
from agentdeck.engine.providers import gateways
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import StartRequest
from tests.agents.answering import press_enter_until
from tests.agents.conftest import PACKAGES, programs_of
from tests.agents.setups import QUIET, Setup, set_up, setup_of
from tests.support.boxes import skip_without_box
from tests.support.decks import Bench, world_of
from tests.support.fake_api import fake_api
from tests.support.retry import eventually
from tests.support.scripted_model import run, say, scripted_model
from tests.support.servers import free_port

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]
LOGIN = "the-persons-own-login"
LOGINS = (
    *("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY", "MAIN_KEY", "SPARE_KEY"),
    *("GITHUB_TOKEN", "GH_TOKEN", "COPILOT_GITHUB_TOKEN"),
)
COMMIT = "git add one.txt; git commit -qm One"


@pytest.fixture
def alone(bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A home with logins of all kinds, none of which may be seen in the box."""
    skip_without_box(alone=True)
    for name in LOGINS:
        monkeypatch.setenv(name, LOGIN)
    for name, value in {**QUIET, "PATH": f"{programs}:/usr/bin:/bin"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    account = {"hasCompletedOnboarding": True, "oauthAccount": {"id": LOGIN}, "primaryApiKey": LOGIN}
    files: dict[str, object] = {
        ".claude.json": account,
        ".claude/.credentials.json": {"claudeAiOauth": {"accessToken": LOGIN}},
        ".codex/auth.json": {"OPENAI_API_KEY": LOGIN},
        ".ssh/id_ed25519": LOGIN,
    }
    for path, content in files.items():
        bench.write(path, json.dumps(content), cwd=bench.home)
    bench.write("test_it.py", "def test_it():\n    assert open('one.txt').read() == 'one\\n'\n")
    bench.commit()
    return bench


def configured(bench: Bench, *urls: str) -> Deck:
    tables = [
        f'\n[providers.{name}]\nbase_url = "{url}/v1"\nkey_env = "{name.upper()}_KEY"\n'
        'apis = ["messages", "responses", "chat"]\n'
        for name, url in zip(("main", "spare"), urls, strict=False)
    ]
    chain = json.dumps(["main:m", "spare:m"][: len(urls)])
    bench.own("".join(tables) + f"\n[tiers]\nwork = {chain}\n")
    return bench.deck()


def told(deck: Deck) -> str:
    return "\n".join(line.text for line in deck.log_lines("it"))


@pytest.mark.parametrize("profile", PACKAGES)
def test_a_whole_life_with_no_login_inside(alone: Bench, profile: str) -> None:
    """Start, tools, tests, commit, resume and landing; the first provider is down."""
    with fake_api() as spare:
        deck = configured(alone, f"http://127.0.0.1:{free_port()}", spare.url)
        spare.commands = (
            "echo one > one.txt; python3 -c 'import test_it; test_it.test_it()' && git add one.txt",
            "git commit -qm One",
            f"grep -rlsE 'the-persons[-]own-login' ~ /proc/*/environ . > found.txt; ls {alone.home}/.ssh >> found.txt",
            f"curl -sS -m 3 {spare.url}/ >> found.txt; curl -sS -m 3 https://example.com >> found.txt",
        )
        request = StartRequest(task="Commit it", profile=profile, name="it", tier="work", mode=Mode.HEADLESS)
        deck.start(replace(request, permission="all", sure=True, box="full"))
        view = deck.wait("it")
        assert view.status.state is State.DONE, told(deck)
        assert alone.git("log", "-1", "--format=%s", "agentdeck/it") == "One", told(deck)
        assert view.worktree is not None
        assert (view.worktree / "found.txt").read_text() == ""
        session = view.status.session
        spare.commands = (*spare.commands, "git commit -q --allow-empty -m Two")
        deck.resume("it", "Again")
        view = deck.wait("it")
        assert alone.git("log", "-1", "--format=%s", "agentdeck/it") == "Two", told(deck)
        assert view.status.session == session
        deck.land(LandRequest(("it",), commit="", gate=("test -e one.txt",)))
        assert alone.git("show", "main:one.txt") == "one"
        refused = {(each.host, each.verdict) for each in deck.reports.network(view)}
        assert ("example.com", "refused") in refused
        gateways.stop(world_of(deck))
    assert (alone.home / ".claude/.credentials.json").exists()
    assert LOGIN in (alone.home / ".claude.json").read_text()


def in_full(cli: str, url: str) -> Setup:
    """Its settings, less those that lead it to the model: the tier does."""
    found = setup_of(cli, url)
    return replace(found, env={name: value for name, value in found.env.items() if url not in value})


LOOK = "grep -rlsE 'the-persons[-]own-login' ~ /proc/*/environ . > found.txt; ls {home}/.ssh >> found.txt; "
LOOK += "curl -sS -m 3 {url}/ >> found.txt; curl -sS -m 3 https://example.com >> found.txt"


FORMS = {"opencode": "chat", "qwen": "chat", "copilot": "chat", "aider": "chat", "gemini": "gemini"}
"""What each speaks to its provider."""
MODEL = {"chat": "gpt-5.5", "gemini": "gemini-3.8-flash"}


@pytest.mark.parametrize("cli", FORMS)
def test_so_have_more_clis(
    alone: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start, failover through the tier, tools and a commit."""
    programs, form = programs_of(request, cli), FORMS[cli]
    path = f"/v1{'beta' if form == 'gemini' else ''}"
    with scripted_model() as (api, script):
        set_up(alone, programs, monkeypatch, in_full(cli, api.url))
        monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
        for name in LOGINS:
            monkeypatch.setenv(name, LOGIN)
        look = LOOK.format(home=alone.home, url=api.url)
        script.answers = [[run("echo one > one.txt")], [run(look)], [run(COMMIT)], [say("Done.")]]
        if cli == "aider":  # it writes, commits and tests by itself
            monkeypatch.setenv("AIDER_AUTO_TEST", "true")
            monkeypatch.setenv("AIDER_TEST_CMD", f"{look}; true")
            script.is_plain, script.answers = True, [[say("one.txt\n```\none\n```\n")]]
        tables = [
            f'\n[providers.{name}]\nbase_url = "{url}{path}"\nkey_env = "{name.upper()}_KEY"\napis = ["{form}"]\n'
            for name, url in (("main", f"http://127.0.0.1:{free_port()}"), ("spare", api.url))
        ]
        alone.own("".join(tables) + f'\n[tiers]\nwork = ["main:{MODEL[form]}", "spare:{MODEL[form]}"]\n')
        deck = alone.deck()
        asked = StartRequest(task="Write one.txt", profile=cli, name="it", tier="work", mode=Mode.HEADLESS)
        deck.start(replace(asked, permission="edit" if cli == "aider" else "all", sure=True, box="full"))
        view = deck.wait("it")
        assert view.status.state is State.DONE, told(deck)
        assert alone.git("show", "agentdeck/it:one.txt") == "one", told(deck)
        assert view.worktree is not None
        assert (view.worktree / "found.txt").read_text() == "", told(deck)
        gateways.stop(world_of(deck))


def test_an_interactive_one_asks_and_is_answered(alone: Bench) -> None:
    with fake_api() as main:
        deck = configured(alone, main.url)
        main.commands = ("git commit -q --allow-empty -m Asked",)
        request = StartRequest(task="Commit it", profile="claude", name="it", tier="work", mode=Mode.INTERACTIVE)
        deck.start(replace(request, permission="ask", box="full"))
        press_enter_until(deck, "it", lambda view: view.state is State.WAITING and "Bash" in view.reason, 60)
        deck.answer("it", "yes")
        eventually(lambda: alone.git("log", "-1", "--format=%s", "agentdeck/it") == "Asked", 60)
        eventually(lambda: deck.agent("it").state is State.DONE, 30)
        deck.stop("it")
        gateways.stop(world_of(deck))
