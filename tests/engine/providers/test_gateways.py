"""Agents through the gateway: started when one needs it, told about, revived, stopped; nothing secret is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.core.providers.apis import Api
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import StartRequest
from agentdeck.errors import NotFoundError, RefusedError
from agentdeck.system.files.files import write_json
from agentdeck.system.gateway import tokens
from agentdeck.system.gateway.files import BOARD, Address
from agentdeck.system.gateway.ledger import Ledger
from tests.support.decks import Bench, world_of
from tests.support.providers import KEYS, Provider, two_providers
from tests.support.retry import eventually
from tests.support.share import one

THINK = StartRequest(task="Think [think]", profile="demo", name="fox", tier="work", mode=Mode.HEADLESS)


@pytest.fixture
def providers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Provider, Provider]]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with two_providers(bench) as pair:
        yield pair


def test_an_agent_is_failed_over_and_back_and_everybody_hears_of_it(
    bench: Bench, providers: tuple[Provider, Provider]
) -> None:
    main, _ = providers
    deck = bench.deck()
    deck.start(THINK)
    thoughts = bench.root / ".worktrees/fox/thoughts.txt"
    eventually(lambda: thoughts.exists() and "main" in thoughts.read_text())
    eventually(lambda: deck.agent("fox").model == "big")
    assert deck.agent("fox").state is State.WORKING
    main.answer_with(529)
    eventually(lambda: deck.agent("fox").failed_over)
    view = deck.agent("fox")
    assert view.state is State.WORKING
    assert view.reason == "served by spare:small (main:big: overloaded (529))"
    assert {each.name: each.state for each in gateways.health(world_of(deck))}["spare"] == "closed"
    main.answer_with(200)
    assert deck.wait("fox").state is State.DONE
    told = [event.kind for event in deck.store.events("fox") if event.kind.startswith("provider.")]
    assert (told[0], told[-1]) == ("provider.failed_over", "provider.failed_back")
    said = thoughts.read_text().splitlines()
    assert len(said) == 8
    assert {line.split(" of ")[1] for line in said} == {"main", "spare"}
    with Ledger(gateways.files().state) as ledger:
        rows = {row["provider"]: row for row in ledger.totals(["provider"])}
    assert sum(row["requests"] for row in rows.values()) == 8
    assert rows["spare"]["cost"] == pytest.approx(rows["spare"]["requests"] * (20 * 100 + 10 * 200) / 1e6)
    assert gateways.stop(world_of(deck))
    assert not gateways.files().alive()
    assert gateways.SESSION not in {window.session for window in world_of(deck).tmux.windows()}


@pytest.mark.parametrize("how", one([signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM]))
def test_a_gateway_that_is_killed_is_back_at_once_with_its_keys(
    bench: Bench, providers: tuple[Provider, Provider], monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    deck = bench.deck()
    deck.start(THINK)
    for name in KEYS:
        monkeypatch.delenv(name)
    before = gateways.files().address()
    assert before is not None
    os.kill(before.pid, how)
    killed = time.monotonic()

    def back() -> Address | None:
        found = gateways.files().address()
        return found if found is not None and found.pid != before.pid else None

    after = eventually(back)
    assert after is not None
    assert after.port == before.port
    assert time.monotonic() - killed < 6.0, "2 s on a machine that has nothing else to do"
    assert deck.wait("fox").state is State.DONE, "its requests found the keys again"
    os.kill(after.pid, signal.SIGKILL)
    assert eventually(lambda: (found := gateways.files().address()) is not None and found.pid != after.pid)
    assert gateways.stop(world_of(deck))
    time.sleep(0.3)
    assert gateways.files().address() is None, "who stops it means it"


def test_a_gateway_that_died_with_its_guardian_is_started_again_while_an_agent_runs(
    bench: Bench, providers: tuple[Provider, Provider]
) -> None:
    deck = bench.deck()
    deck.start(StartRequest(task="Think [think] [slow]", profile="demo", name="fox", tier="work", mode=Mode.HEADLESS))
    before = gateways.files().address()
    assert before is not None
    guardian = int(Path(f"/proc/{before.pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(guardian, signal.SIGKILL)
    os.kill(before.pid, signal.SIGKILL)
    eventually(gateways.is_missing)
    deck.repair()
    after = gateways.files().address()
    assert after is not None
    assert (after.port, after.pid != before.pid) == (before.port, True)
    deck.stop("fox")
    guardian = int(Path(f"/proc/{after.pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(guardian, signal.SIGKILL)
    os.kill(after.pid, signal.SIGKILL)
    eventually(gateways.is_missing)
    deck.repair()
    assert not gateways.files().alive(), "nobody needs it any more"


def test_no_key_or_token_is_left_anywhere(bench: Bench, providers: tuple[Provider, Provider]) -> None:
    main, _ = providers
    main.answer_with(401)
    deck = bench.deck()
    made = deck.start(THINK).agent.created
    secrets = [*KEYS.values()]
    for tier in ("work", ""):
        bearer = tokens.Bearer(deck.name, "fox", tier, made=made)
        secrets.append(tokens.mint(tokens.secret(gateways.files().state), bearer))
    eventually((bench.root / ".worktrees/fox/thoughts.txt").exists)
    shown = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    shown += world_of(deck).tmux.command("show-environment", "-g")
    for session in world_of(deck).tmux.command("list-sessions", "-F", "#{session_name}").split():
        shown += world_of(deck).tmux.command("show-environment", "-t", f"={session}")
    shown += world_of(deck).tmux.screen(gateways.SESSION, gateways.WINDOW)
    agent = deck.agent("fox").status.agent_pid
    assert agent is not None
    given = Path(f"/proc/{agent}/environ").read_text()
    assert not any(key in given for key in KEYS.values()), "the agent got keys that it did not bring"
    assert secrets[2] in given
    assert deck.wait("fox").state is State.DONE
    gateways.stop(world_of(deck))
    assert not [secret for secret in secrets if secret in shown]
    places = [bench.root, gateways.files().state]
    files = [path for place in places for path in place.rglob("*") if path.is_file() and path.name != "secret"]
    assert any(path.name == "session.cast" for path in files)
    assert any(path.name == "ledger.sqlite3" for path in files)
    for path in files:
        text = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in text], path


def test_a_tier_that_can_not_serve_is_refused_with_the_reason(
    bench: Bench, providers: tuple[Provider, Provider]
) -> None:
    deck = bench.deck()
    config = deck.config
    profiles = world_of(deck).profiles
    for profile, tier, reason in (
        ("aider", "deep", "its first entry names no model"),
        ("claude", "local", "no model server answers"),
    ):
        with pytest.raises(RefusedError, match=reason):
            gateways.check(config, profiles[profile], tier)
    for profile, tier in (("claude", "deep"), ("claude", "work"), ("demo", "work"), ("gemini", "work"), ("claude", "")):
        gateways.check(config, profiles[profile], tier)
    with pytest.raises(NotFoundError, match="There is no tier “wrok”"):
        deck.start(StartRequest(task="x", profile="demo", name="owl", tier="wrok"))
    assert deck.agents() == []


def test_who_can_not_use_the_gateway_is_told_so_and_nobody_else_sees_a_change(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(StartRequest(task="true", profile="shell", name="sh", tier="deep", mode=Mode.HEADLESS))
    deck.wait("sh")
    warned = [event.text for event in deck.store.events("sh") if event.kind == "warning"]
    assert warned == ["the tier “deep” has no effect: Shell can't be pointed at the gateway and uses its own provider"]
    deck.start(StartRequest(task="Look", profile="demo", name="plain", mode=Mode.HEADLESS))
    assert deck.wait("plain").state is State.DONE
    assert not [event for event in deck.store.events("plain") if event.kind == "warning"]
    assert not gateways.files().state.exists()


@pytest.mark.parametrize(("act", "state"), [("stop", State.STOPPED), ("pause", State.FAILED)])
def test_an_agent_whose_budget_is_spent_is_stopped_or_paused(
    bench: Bench, providers: tuple[Provider, Provider], act: str, state: State
) -> None:
    path = bench.root / "agentdeck.toml"
    path.write_text(path.read_text() + f'\n[budgets]\nat_limit = "{act}"\nagent = {{ tokens = 70 }}\n')
    deck = bench.deck()
    deck.start(THINK)
    assert deck.wait("fox").state is state
    kinds = [event.kind for event in deck.store.events("fox") if event.kind.startswith("budget.")]
    assert kinds == ["budget.warned", "budget.reached"]
    with Ledger(gateways.files().state) as ledger:
        outcomes = [record.outcome for record in ledger.records()]
    assert outcomes == ["ok"] * 3 + ["exhausted"]  # of 30 tokens each
    assert deck.agent("fox").serving is not None
    gateways.stop(world_of(deck))


@pytest.mark.parametrize("profile", ["claude", "codex", "opencode", "aider", "qwen", "copilot"])
def test_a_command_line_never_holds_the_token(bench: Bench, profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    url = '[providers.any]\nbase_url = "http://127.0.0.1:9/v1"\napis = ["messages", "chat", "responses"]\n'
    bench.own(url + 'key_env = "MAIN_KEY"\n[tiers]\nwork = ["any:m-1"]\n')
    deck = bench.deck()
    agent = deck.start(StartRequest(name="one", argv=("true",), tier="work")).agent
    wiring = gateways.wire(world_of(deck), agent, world_of(deck).profiles[profile])
    token = tokens.mint(
        tokens.secret(gateways.files().state), tokens.Bearer(deck.name, "one", "work", made=agent.created)
    )
    assert token not in " ".join(wiring.argv)
    assert token in " ".join(wiring.env.values())
    assert "MAIN_KEY" in wiring.unset
    assert "{" not in " ".join([*wiring.argv, *wiring.env.values()]).replace("{name=", "").replace('={"', "").replace(
        '{"', ""
    ).replace(":{}", ""), "a placeholder was not filled"
    if "m-1" in (content := wiring.env.get("OPENCODE_CONFIG_CONTENT", "")):
        said = json.loads(content)["provider"]["agentdeck"]
        assert said["models"] == {"m-1": {}}
        assert said["options"]["headers"] == {"x-agentdeck-token": token}
        assert token not in said["options"]["baseURL"], "it prints that with each error"
    gateways.stop(world_of(deck))


@pytest.mark.parametrize(
    ("use", "tier", "wired"),
    [("auto", "", False), ("auto", "work", True), ("always", "", True), ("never", "work", False)],
)
def test_the_configuration_says_who_uses_the_gateway(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, use: str, tier: str, wired: bool
) -> None:
    monkeypatch.setenv("MAIN_KEY", KEYS["MAIN_KEY"])
    url = '[providers.openai]\nbase_url = "http://127.0.0.1:9/v1"\nkey_env = "MAIN_KEY"\n'
    bench.own(f'{url}[tiers]\nwork = ["openai:m"]\n[gateway]\nuse = "{use}"\n')
    deck = bench.deck()
    agent = deck.start(StartRequest(name="one", argv=("true",), tier=tier)).agent
    profile = world_of(deck).profiles["demo"]
    wiring = gateways.wire(world_of(deck), agent, profile)
    assert ("AGENTDECK_DEMO_API" in wiring.env) == wired
    assert gateways.files().alive() == wired
    noted = gateways.bypass_note(deck.config, profile, tier)
    assert (noted != "") == (use == "never")
    if wired:
        gateways.stop(world_of(deck))


def test_a_key_that_is_not_set_is_said_before_anything_is_made(
    bench: Bench, providers: tuple[Provider, Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPARE_KEY")
    deck = bench.deck()
    deck.start(THINK)
    said = [event.text for event in world_of(deck).store.events("fox")]
    assert any("spare:small can't serve: SPARE_KEY" in text for text in said)
    deck.stop("fox")
    gateways.stop(world_of(deck))
    monkeypatch.delenv("MAIN_KEY")
    deck = bench.deck()
    with pytest.raises(RefusedError, match="MAIN_KEY, SPARE_KEY are not set"):
        deck.start(replace(THINK, name="owl"))
    assert [each.name for each in deck.agents()] == ["fox"]


def test_health_is_told_of_the_servers_that_this_deck_means(bench: Bench, providers: tuple[Provider, Provider]) -> None:
    deck = bench.deck()
    gateways.ensure(world_of(deck))
    main, spare = providers
    here, there = f"http://127.0.0.1:{main.port}/v1", "http://127.0.0.1:9/v1"
    there_too = f"http://127.0.0.1:{spare.port}/v1"

    def breaker(provider: str, address: str, what: str, decks: list[str], key: str = "") -> dict[str, Any]:
        names: dict[str, Any] = {"provider": provider, "address": address, "what": what, "decks": decks}
        names |= {"model": "m", "key_env": key} if what == "quota" else {}
        return names | {"until": time.time() + 60, "reason": f"{what} of {address}"}

    write_json(
        gateways.files().state / BOARD,
        {
            "breakers": [
                breaker("main", there, "health", ["another"]),
                breaker("their name for it", here, "health", ["another"]),
                breaker("spare", here, "quota", ["another"]),
                breaker("spare", there_too, "quota", [deck.name], "ANOTHER_KEY"),
            ]
        },
    )
    found = {each.name: (each.state, each.reason) for each in gateways.health(world_of(deck))}
    assert found == {"main": ("open", f"health of {here}"), "spare": ("closed", "")}


def test_the_chain_that_everybody_writes_first_serves_every_agent_that_can_use_the_gateway(bench: Bench) -> None:
    chain = '["openai:gpt-4o", "anthropic:claude-3-5-sonnet", "ollama:codellama"]'
    bench.write("agentdeck.toml", f'[tiers]\nwork = {chain}\nwrong = ["openai/gpt-4o"]\n')
    deck = bench.deck()
    profiles = world_of(deck).profiles
    able = [profile for profile in profiles.values() if profile.gateway is not None]
    assert {profile.gateway.api for profile in able if profile.gateway} == set(Api)
    for profile in able:
        gateways.check(deck.config, profile, "work")
        with pytest.raises(RefusedError, match="write openai:gpt-4o"):
            gateways.check(deck.config, profile, "wrong")
