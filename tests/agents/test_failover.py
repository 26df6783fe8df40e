"""Claude Code and Codex through the gateway while their first provider has each of the faults.

They finish their task with the same file written, which they leave uncommitted (exit 7), in every one but 400, which is
the caller's own fault and is passed on to it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Fault, Mode, State
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from agentdeck.system.gateway import tokens
from tests.agents.conftest import PACKAGES
from tests.agents.setups import QUIET
from tests.support.decks import Bench, world_of
from tests.support.fake_api import CONTENT, FILE, fake_api
from tests.support.faulty_api import FAULTS, faulty_api
from tests.support.retry import eventually
from tests.support.servers import free_port

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(120)]
KEYS = {"MAIN_KEY": "sk-main-0123456789abcdef", "SPARE_KEY": "sk-spare-fedcba9876543210"}
RULES = """
[gateway]
retries = 1
backoff = 0.1
retry_budget = 4.0
hold = 1.0
breaker_seconds = 60.0

[tiers]
work = ["main:big-model", "spare:small-model"]
"""
SERVED_BY_MAIN = {"ok", "slow drip"}


def provider(name: str, url: str) -> str:
    times = "connect = 2.0, first_byte = 1.5, answer = 1.5, idle = 1.5"
    return (
        f'\n[providers.{name}]\nbase_url = "{url}/v1"\napis = ["messages", "responses"]\ncount_tokens = true\n'
        f'key_env = "{name.upper()}_KEY"\ntimeouts = {{ {times} }}\n'
    )


@pytest.fixture
def quiet(bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A throw-away home without any login, and the CLIs in PATH."""
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC", "CLAUDE", "OPENAI", "CODEX"))]:
        monkeypatch.delenv(name)
    for name, value in {**QUIET, **KEYS, "PATH": f"{programs}:{os.environ['PATH']}"}.items():
        monkeypatch.setenv(name, value)
    bench.write(".claude/settings.json", '{"permissions": {"defaultMode": "bypassPermissions"}}', cwd=bench.home)
    bench.write(".codex/config.toml", 'sandbox_mode = "danger-full-access"\n', cwd=bench.home)
    return bench


def assert_kept_secret(places: list[Path], secrets: list[str]) -> None:
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert any(path.name == "session.cast" for path in files)
    for path in files:
        text = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in text], path


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("profile", PACKAGES)
def test_the_task_is_done_whatever_the_first_provider_does(quiet: Bench, profile: str, fault: str) -> None:
    with faulty_api(fault) as main, fake_api() as spare:
        url = f"http://127.0.0.1:{free_port()}" if fault == "refused" else main.url
        quiet.own(provider("main", url) + provider("spare", spare.url) + RULES)
        deck = quiet.deck()
        task = StartRequest(task="Make the file", profile=profile, name="fox", tier="work", mode=Mode.HEADLESS)
        deck.start(task)
        view = deck.wait("fox")
        tree = view.worktree
        assert tree is not None
        asked = [sum("count_tokens" not in each["path"] for each in api.requests) for api in (main, spare)]
        made = (tree / FILE).read_text() if (tree / FILE).exists() else ""
        took = (view.status.ended or 0.0) - (view.status.started or 0.0)
        log = [line.text for line in deck.log_lines("fox")]
        token = tokens.mint(tokens.secret(gateways.files().state), tokens.Bearer(deck.name, "fox", "work"))
        gateways.stop(world_of(deck))
    assert_kept_secret([deck.store.folder, gateways.files().state], [token, *KEYS.values()])
    shown = f"{profile:7} {fault:23} {view.state} exit {view.status.exit_code}, main {asked[0]}, spare {asked[1]}"
    print(f"MATRIX {shown}, file {'written' if made else 'missing'}, {took:.1f} s")  # noqa: T201 - make the table
    if fault == "400":
        assert view.state is State.FAILED
        assert asked[1] == 0
        return
    assert (view.outcome, made) == (ExitCode.UNCOMMITTED, CONTENT), "\n".join(log[-20:])
    assert (asked[1] == 0) == (fault in SERVED_BY_MAIN)
    assert {str(each["body"].get("model")) for each in main.requests if each["body"]} <= {"big-model"}
    assert {str(each["body"].get("model")) for each in spare.requests if each["body"]} <= {"small-model"}
    keys = [str(each["headers"]) for each in spare.requests]
    assert not any(KEYS["MAIN_KEY"] in headers for headers in keys), "the wrong provider's key"
    assert not any("x-agentdeck" in headers.lower() for headers in keys)


@pytest.mark.parametrize(
    ("profile", "variable"), [("claude", "ANTHROPIC_AUTH_TOKEN"), ("codex", "CODEX_API_KEY")], ids=["claude", "codex"]
)
def test_the_users_own_login_goes_to_its_provider_and_to_no_other(
    quiet: Bench, profile: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = "sk-the-users-own-login-0123456789"
    monkeypatch.setenv(variable, login)
    with faulty_api("ok") as main, fake_api() as spare:
        own = provider("main", main.url).replace('key_env = "MAIN_KEY"\n', "")
        quiet.own(own + provider("spare", spare.url) + RULES)
        deck = quiet.deck()
        request = StartRequest(task="Make the file", profile=profile, name="one", tier="work", mode=Mode.HEADLESS)
        deck.start(request)
        assert deck.wait("one").outcome is ExitCode.UNCOMMITTED
        assert main.requests
        assert all(f"Bearer {login}" in each["headers"].values() for each in main.requests if each["body"])
        main.fault = (529, {}, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
        deck.start(replace(request, name="two"))
        assert deck.wait("two").outcome is ExitCode.UNCOMMITTED
        assert spare.requests
        assert login not in str(spare.requests)
        gateways.stop(world_of(deck))
    assert_kept_secret([deck.store.folder, gateways.files().state], [login, *KEYS.values()])


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("profile", PACKAGES)
def test_a_spent_budget_is_no_reason_to_go_to_another_provider(quiet: Bench, profile: str, mode: Mode) -> None:
    with fake_api() as main:
        failover = '[agent]\nfailover = ["claude", "codex"]\n[budgets.agent]\ntokens = 0\n'
        quiet.own(provider("main", main.url) + '[tiers]\nwork = ["main:m"]\n' + failover)
        quiet.write(".claude/settings.json", "{}", cwd=quiet.home)  # at its screen it would ask whether it may do all
        deck = quiet.deck()
        deck.start(StartRequest(task="Make the file", profile=profile, name="fox", tier="work", mode=mode))

        def is_paused() -> bool:
            view = deck.agent("fox")
            if view.state is State.WAITING:
                deck.send("fox", keys=["Enter"])
            return "the agent's budget is spent; " in view.status.reason

        eventually(is_paused, 40, pause=1.0)
        view = deck.agent("fox")
        assert (view.state, view.status.fault, view.profile) == (State.LIMITED, Fault.BUDGET, profile)
        assert f"{profile} tries again at" in view.status.reason
        assert not [each for each in main.requests if each["body"]]
        gateways.stop(world_of(deck))
