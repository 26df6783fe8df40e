"""Real CLIs through the gateway while their first provider has each of the faults, in their own format and in another.

They finish their task with the same file written, which they leave uncommitted (exit 7), in every one but 400, which is
the caller's own fault and is passed on to it. `AGENTDECK_MATRIX=FILE` appends how each cell went.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Fault, Mode, State
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.errors import ExitCode
from agentdeck.system.gateway import tokens
from tests.agents.conftest import PACKAGES, programs_of
from tests.agents.setups import QUIET, codex_config, no_updates
from tests.support.decks import Bench, world_of
from tests.support.fake_api import CONTENT, FILE, fake_api
from tests.support.faulty_api import CALLERS, FAULTS, GOOD, faulty_api
from tests.support.retry import eventually
from tests.support.servers import free_port
from tests.support.share import diagonal

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]
KEYS = {"MAIN_KEY": "sk-main-0123456789abcdef", "SPARE_KEY": "sk-spare-fedcba9876543210"}
RULES = """
[gateway]
retries = 1
backoff = 0.1
retry_budget = 4.0
hold = 1.0
breaker_seconds = 60.0
"""
FORMATS = {
    "claude": ("messages", "chat"),
    "codex": ("responses", "messages"),
    "opencode": ("chat", "messages"),
    "qwen": ("chat", "gemini"),
    "copilot": ("chat", "responses"),
    "gemini": ("gemini", "chat"),
}
"""The CLI's own format, and another one, which its first provider may speak."""
MODELS = {"copilot": "gpt-4o", "gemini": "gemini-3.8-flash"}
"""Some CLIs ask for no tools, or not at all, with a model that they don't know."""
ALL = bool(os.environ.get("AGENTDECK_TEST_MORE_AGENTS"))
SOME = (
    "ok",
    "400",
    "429 retry-after",
    "401",
    "529",
    "hang before bytes",
    "HTML",
    "error event mid-stream",
    "EOF behind a call",
)
"""One of each kind; tests/gateway has them all without a CLI."""
LANES = [f"{cli}, {way}" for cli in (FORMATS if ALL else PACKAGES) for way in ("same format", "another format")]


def provider(name: str, url: str, *forms: str) -> str:
    times = "connect = 2.0, first_byte = 1.5, content = 1.5, stalled = 1.5, answer = 1.5, idle = 1.5"
    path = "/v1beta" if forms == ("gemini",) else "/v1"
    return (
        f'\n[providers.{name}]\nbase_url = "{url}{path}"\napis = {json.dumps(forms or ["messages", "responses"])}\n'
        f'count_tokens = true\nkey_env = "{name.upper()}_KEY"\ntimeouts = {{ {times} }}\n'
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
    no_updates(bench, monkeypatch)
    return bench


def assert_kept_secret(places: list[Path], secrets: list[str]) -> None:
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert any(path.name == "session.cast" for path in files)
    for path in files:
        text = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in text], path


@pytest.mark.parametrize(("lane", "fault"), diagonal(LANES, FAULTS if ALL else SOME))
def test_the_task_is_done_whatever_the_first_provider_does(
    quiet: Bench, lane: str, fault: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli, _, way = lane.partition(", ")
    folder = programs_of(request, cli)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    own, other = FORMATS[cli]
    form = own if way == "same format" else other
    with faulty_api(fault) as main, faulty_api("ok") as spare:
        url = f"http://127.0.0.1:{free_port()}" if fault == "refused" else main.url
        model = MODELS.get(cli, "big-model")
        tiers = f'[tiers]\nwork = ["main:{model}", "spare:small-model"]\n'
        quiet.own(provider("main", url, form) + provider("spare", spare.url, own) + RULES + tiers)
        deck = quiet.deck()
        task = StartRequest(task="Make the file", profile=cli, name="fox", tier="work", mode=Mode.HEADLESS)
        deck.start(replace(task, permission="all", box="off", sure=True))
        view = deck.wait("fox")
        tree = view.worktree
        assert tree is not None
        asked = [sum(bool(each["body"].get("tools")) for each in api.requests) for api in (main, spare)]
        made = (tree / FILE).read_text() if (tree / FILE).exists() else ""
        log = [line.text for line in deck.log_lines("fox")]
        token = tokens.mint(
            tokens.secret(gateways.files().state), tokens.Bearer(deck.name, "fox", "work", made=view.agent.created)
        )
        gateways.stop(world_of(deck))
    _note(cli, fault, way, view, asked, made=bool(made))
    assert_kept_secret([deck.store.folder, gateways.files().state], [token, *KEYS.values()])
    if fault in CALLERS:
        assert view.state is State.FAILED
        assert asked[1] == 0
        return
    assert (view.outcome, made) == (ExitCode.UNCOMMITTED, CONTENT), "\n".join([view.status.reason, *log[-30:]])
    assert (asked[1] == 0) == (fault in GOOD)
    if cli == "qwen":  # which takes half a minute to start again
        assert not [line for line in log if "starting qwen again" in line]
    if form != "gemini":
        assert {str(each["body"].get("model")) for each in main.requests if each["body"]} <= {model}
    keys = [str(each["headers"]) for each in spare.requests]
    assert not any(KEYS["MAIN_KEY"] in headers for headers in keys), "the wrong provider's key"
    assert not any("x-agentdeck" in headers.lower() for headers in keys)


def _note(cli: str, fault: str, way: str, view: AgentView, asked: list[int], *, made: bool) -> None:
    place = os.environ.get("AGENTDECK_MATRIX")
    if place:
        took = (view.status.ended or 0.0) - (view.status.started or 0.0)
        cell = {"cli": cli, "fault": fault, "way": way, "made": made, "exit": int(view.outcome), "seconds": took}
        cell |= {"main": asked[0], "spare": asked[1], "reason": view.status.reason}
        with Path(place).open("a") as file:
            file.write(json.dumps(cell) + "\n")


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
        quiet.own(own + provider("spare", spare.url) + RULES + '[tiers]\nwork = ["main:m-1", "spare:m-2"]\n')
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


@pytest.mark.parametrize(("profile", "mode"), diagonal(PACKAGES, list(Mode)))
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


@pytest.mark.parametrize("cli", FORMATS if ALL else ["claude"])
def test_at_its_screen_too_it_goes_on_at_once_after_an_answer_that_broke_off(
    quiet: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{programs_of(request, cli)}:{os.environ['PATH']}")
    quiet.write(".claude/settings.json", "{}", cwd=quiet.home)  # at its screen it would ask whether it may do all
    model = MODELS.get(cli, "big-model")
    with faulty_api("EOF behind a text") as main, faulty_api("ok") as spare:
        tiers = f'[tiers]\nwork = ["main:{model}", "spare:small-model"]\n'
        own = FORMATS[cli][0]
        quiet.own(provider("main", main.url, own) + provider("spare", spare.url, own) + RULES + tiers)
        deck = quiet.deck()
        task = StartRequest(task="Make the file", profile=cli, name="fox", tier="work", mode=Mode.INTERACTIVE)
        deck.start(replace(task, permission="all", box="off", sure=True))

        def is_made() -> bool:
            view = deck.agent("fox")
            if view.state is State.WAITING and view.status.question and view.status.question.options:
                deck.send("fox", keys=["Enter"])
            return view.worktree is not None and (view.worktree / FILE).exists()

        eventually(is_made, 90, pause=1.0)
        eventually(lambda: len(spare.requests) >= 2, 20)
        gateways.stop(world_of(deck))
    assert sum(bool(each["body"].get("tools")) for each in main.requests) == 1


CHAIN = ("openai:gpt-4o", "anthropic:claude-3-5-sonnet", "ollama:codellama")


@pytest.mark.skipif(not ALL, reason="make test-agents")
@pytest.mark.parametrize("up", CHAIN)
@pytest.mark.parametrize("cli", FORMATS)
def test_the_chain_that_everybody_writes_first_serves(
    quiet: Bench, cli: str, up: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as one of its three is up."""
    monkeypatch.setenv("PATH", f"{programs_of(request, cli)}:{os.environ['PATH']}")
    with faulty_api("ok") as server:
        places = ""
        for target in CHAIN:
            name = target.partition(":")[0]
            url = server.url if target == up else f"http://127.0.0.1:{free_port()}"
            places += f'[providers.{name}]\nbase_url = "{url}/v1"\n'
            if name != "ollama":
                monkeypatch.setenv(f"{name.upper()}_API_KEY", f"sk-{name}-0123456789abcdef")
        quiet.own(places + RULES + f"[tiers]\nwork = {json.dumps(CHAIN)}\n")
        deck = quiet.deck()
        task = StartRequest(task="Make the file", profile=cli, name="fox", tier="work", mode=Mode.HEADLESS)
        deck.start(replace(task, permission="all", box="off", sure=True))
        view = deck.wait("fox")
        log = "\n".join(line.text for line in deck.log_lines("fox"))
        gateways.stop(world_of(deck))
    assert view.outcome is ExitCode.UNCOMMITTED, f"{view.status.reason}\n{log}"
    assert {str(each["body"]["model"]) for each in server.requests if each["body"]} == {up.partition(":")[2]}


EXHAUSTED = {
    ("503", "529"): (ExitCode.TRY_LATER, "main:M: overloaded (503", "spare:small-model: overloaded (529"),
    ("reset before bytes", "429 exhausted"): (
        ExitCode.TRY_LATER,
        "main:M: reset the connection",
        "spare:small-model: ",
    ),
    ("401", "402"): (ExitCode.FAILED, "main:M: key refused (401", "spare:small-model: no credit"),
    ("503", "no key"): (
        ExitCode.TRY_LATER,
        "main:M: overloaded (503",
        "spare:small-model: its key SPARE_KEY is not set",
    ),
}
"""What both providers do, how the agent ends then, and what is said of each."""


@pytest.mark.parametrize(("cli", "faults"), diagonal(FORMATS if ALL else PACKAGES, [*map(" + ".join, EXHAUSTED)]))
def test_where_no_provider_serves_it_ends_and_says_each_ones_fault(
    quiet: Bench, cli: str, faults: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, second = faults.partition(" + ")
    code, *said = EXHAUSTED[first, second]
    monkeypatch.setenv("PATH", f"{programs_of(request, cli)}:{os.environ['PATH']}")
    if second == "no key":
        monkeypatch.delenv("SPARE_KEY")
    model = MODELS.get(cli, "big-model")
    with faulty_api(first) as main, faulty_api("ok" if second == "no key" else second) as spare:
        tiers = f'[tiers]\nwork = ["main:{model}", "spare:small-model"]\n'
        own = FORMATS[cli][0]
        quiet.own(provider("main", main.url, own) + provider("spare", spare.url, own) + RULES + tiers)
        deck = quiet.deck()
        task = StartRequest(task="Make the file", profile=cli, name="fox", tier="work", mode=Mode.HEADLESS)
        deck.start(replace(task, permission="all", box="off", sure=True))
        view = deck.wait("fox")
        gateways.stop(world_of(deck))
    assert (view.outcome, view.state) == (code, State.FAILED), view.status.reason
    for words in said:
        assert words.replace("M:", f"{model}:") in view.status.reason


WITHOUT_GATEWAY = {
    "hang before bytes": ("silence = 10.0", "claude was silent for 10s"),
    "529": ("patience = 3.0", "overloaded (529), retry 1 of 10"),
    "401": ("patience = 60.0", "retry 1 of 10"),
}
"""How patient the failover is, and what the log says."""


@pytest.mark.parametrize("fault", WITHOUT_GATEWAY)
def test_without_the_gateway_a_provider_is_left_before_claude_gives_up(
    quiet: Bench, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After more than three minutes, or never."""
    policy, says = WITHOUT_GATEWAY[fault]
    with faulty_api(fault) as main, faulty_api("ok") as spare:
        variables = {"ANTHROPIC_BASE_URL": main.url, "ANTHROPIC_AUTH_TOKEN": "dummy", "OPENAI_API_KEY": "dummy"}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        more = 'sandbox_mode = "danger-full-access"\napproval_policy = "never"'
        quiet.write(".codex/config.toml", codex_config(spare.url, more), cwd=quiet.home)
        quiet.own(f'[agent]\nfailover = ["codex"]\n[failover]\n{policy}\n')
        deck = quiet.deck()
        deck.start(StartRequest(task="Make the file", profile="claude", name="fox", mode=Mode.HEADLESS))
        view = deck.wait("fox")
        log = "\n".join(line.text for line in deck.log_lines("fox"))
    assert view.outcome is ExitCode.UNCOMMITTED, log
    assert main.requests
    assert says in log
    assert (view.status.ended or 0.0) - (view.status.started or 0.0) < 60
