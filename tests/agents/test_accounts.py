"""Claude Code and Codex with two accounts: at the limit of one, the other goes on with the conversation."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentdeck.core.accounts.meters import FIVE_HOURS, Window
from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.deck import Deck
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.engine.views.accounts import AccountMeter
from agentdeck.errors import ExitCode
from agentdeck.system.files.files import state_home
from agentdeck.system.state.meters import Meters, folder
from tests.agents.conftest import PACKAGES
from tests.agents.setups import OWN, QUIET
from tests.support.accounts import Logins, log_in, model_with_logins
from tests.support.decks import Bench, world_of
from tests.support.fake_api import fake_api
from tests.support.scripted_model import Block, Script, run, say
from tests.support.share import diagonal

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(120)]
ONE, TWO = "sk-ant-oat01-one-0123456789", "sk-ant-oat01-two-0123456789"
ALL = bool(os.environ.get("AGENTDECK_TEST_MORE_AGENTS"))
FOLDERS = {"claude": ".claude", "codex": ".codex"}


@dataclass
class House:
    cli: str
    bench: Bench
    deck: Deck
    script: Script
    logins: Logins
    api: str

    @property
    def second(self) -> str:
        return f"{self.cli}@work"

    @property
    def folder(self) -> Path:
        return state_home() / "accounts" / "work"

    def start(self, mode: Mode, tier: str = "") -> AgentView:
        task = "Make the file one.txt"
        request = StartRequest(
            task=task,
            profile=self.cli,
            name="fox",
            mode=mode,
            permission="all",
            box="off",
            sure=True,
            tier=tier or None,
        )
        return self.deck.start(request)

    def reach(self, holds: Callable[[AgentView], bool], patience: float = 60) -> AgentView:
        deadline = time.monotonic() + patience
        while not holds(view := self.deck.agent("fox")):
            screen = self.deck.screen("fox")
            assert time.monotonic() < deadline, f"{view.status}\n{screen}\n{self.deck.events('fox')}"
            time.sleep(0.3)
        return view

    def meters(self) -> dict[str, AccountMeter]:
        return {each.name: each for each in self.deck.accounts.metered()}

    def log(self) -> str:
        return "\n".join(line.text for line in list(self.deck.log_lines("fox"))[-40:])


@pytest.fixture(params=PACKAGES)
def house(
    request: pytest.FixtureRequest, bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    cli: str = request.param
    for name in [name for name in os.environ if name.startswith(OWN)]:
        monkeypatch.delenv(name)
    with model_with_logins([run("echo one > one.txt")], [say("It is made.")], [say("It is still there.")]) as (
        api,
        script,
        logins,
    ):
        url = {"ANTHROPIC_BASE_URL": api.url} if cli == "claude" else {}
        for name, value in {**QUIET, **url, "PATH": f"{programs}:{os.environ['PATH']}"}.items():
            monkeypatch.setenv(name, value)
        root = str(bench.root)
        onboarded = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "projects": {root: {"hasTrustDialogAccepted": True}},
        }
        bench.write(".claude.json", json.dumps(onboarded), cwd=bench.home)
        bench.write(".claude/settings.json", "{}", cwd=bench.home)
        provider = f'[model_providers.x]\nname = "x"\nbase_url = "{api.url}/v1"\nwire_api = "responses"\n'
        provider += "requires_openai_auth = true\n"
        trust = f'[projects."{root}"]\ntrust_level = "trusted"\n'
        bench.write(
            ".codex/config.toml", f'model = "gpt-5-codex"\nmodel_provider = "x"\n{provider}{trust}', cwd=bench.home
        )
        bench.own(f'[accounts.work]\nprofile = "{cli}"\n')
        log_in(cli, bench.home / FOLDERS[cli], ONE)
        log_in(cli, state_home() / "accounts" / "work", TWO)
        yield House(cli, bench, bench.deck(), script, logins, api.url)


@pytest.mark.parametrize(("house", "mode"), diagonal(PACKAGES, list(Mode)), indirect=["house"])
def test_the_other_account_goes_on_with_the_conversation(house: House, mode: Mode) -> None:
    house.logins.limited[TWO] = 0.0
    house.script.on_answer = lambda blocks: house.logins.limited.update({ONE: time.time() + 3000})
    house.start(mode)
    if mode is Mode.HEADLESS:
        view = house.deck.wait("fox")
        assert view.outcome is ExitCode.UNCOMMITTED, house.log()
    else:
        house.reach(lambda view: view.state is State.DONE and TWO in house.logins.asked)
        view = house.deck.agent("fox")
    assert view.profile == house.second
    assert house.logins.asked[0] == ONE
    told = json.dumps(house.script.told[-1])
    assert "Make the file one.txt" in told
    assert "echo one > one.txt" in told, "the conversation came along"
    assert "You take over a task" not in told
    assert view.worktree is not None
    assert (view.worktree / "one.txt").read_text() == "one\n"
    assert house.meters()[house.cli].until > time.time()
    if (house.cli, mode) == ("claude", Mode.INTERACTIVE):
        house.reach(lambda view: house.second in house.meters())
        windows = [(window.name, window.used) for window in house.meters()[house.second].windows]
        assert windows == [("5h", 0.1), ("week", 0.25)]


@pytest.mark.skipif(not ALL, reason="make test has it with a scripted CLI")
def test_at_the_limit_of_both_the_earliest_reset_is_awaited(house: House) -> None:
    now = time.time()
    house.logins.limited |= {ONE: now + 7200, TWO: now + 3600}
    house.start(Mode.HEADLESS)
    view = house.reach(lambda view: f"then {house.second} again" in view.status.reason)
    assert view.state is State.LIMITED
    assert {ONE, TWO} == set(house.logins.refused)
    house.deck.stop("fox")
    assert house.logins.asked == []


@pytest.mark.skipif(not ALL, reason="make test has it with a scripted CLI")
def test_an_account_without_a_login_is_left_out(house: House) -> None:
    for path in house.folder.iterdir():
        path.unlink()
    house.logins.limited[ONE] = time.time() + 3600
    house.start(Mode.HEADLESS)
    house.reach(lambda view: f"then {house.cli} again" in view.status.reason)
    house.deck.stop("fox")


@pytest.mark.skipif(not ALL, reason="make test has it with a scripted CLI")
def test_a_new_agent_begins_with_the_account_that_has_most_left(house: House) -> None:
    Meters(folder()).told(house.cli, [Window(FIVE_HOURS, 0.9, time.time() + 3600)])
    view = house.start(Mode.HEADLESS)
    assert view.agent.profile == house.second
    assert house.deck.wait("fox").outcome is ExitCode.UNCOMMITTED, house.log()
    assert set(house.logins.asked) == {TWO}


@pytest.mark.skipif(not ALL, reason="make test-agents waits for the end of a limit")
@pytest.mark.parametrize("house", ["claude"], indirect=True)
def test_at_its_own_screen_the_end_of_a_limit_is_awaited_in_the_same_program(house: House) -> None:
    house.bench.own('[agent]\nfailover = ["claude"]\n')
    until = time.time() + 20

    def limit(blocks: list[Block]) -> None:
        house.logins.limited[ONE] = until

    house.script.on_answer = limit
    house.start(Mode.INTERACTIVE)
    limited = house.reach(lambda view: view.state is State.LIMITED and "then claude again" in view.status.reason)
    pid = limited.status.agent_pid
    house.reach(lambda view: view.state is State.DONE and len(house.logins.asked) > 1 and until < time.time(), 110)
    assert house.deck.agent("fox").status.agent_pid == pid
    assert "It is made." in house.deck.screen("fox")


@pytest.mark.skipif(not ALL, reason="make test-agents tries every step of the order")
def test_without_another_account_a_tier_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_api() as spare:
        monkeypatch.setenv("SPARE_KEY", "sk-spare-0123456789")
        provider = f'[providers.spare]\nbase_url = "{spare.url}/v1"\napis = ["messages", "responses"]\n'
        tiers = 'key_env = "SPARE_KEY"\ncount_tokens = true\n[tiers]\nbackup = ["spare:small"]\n'
        house.bench.own(f'[accounts.api]\nprofile = "{house.cli}"\ntier = "backup"\n{provider}{tiers}')
        house.script.on_answer = lambda blocks: house.logins.limited.update({ONE: time.time() + 3000})
        house.start(Mode.HEADLESS)
        view = house.deck.wait("fox")
        gateways.stop(world_of(house.deck))
    assert view.profile == f"{house.cli}@api", view.status
    told = json.dumps(next(each["body"] for each in spare.requests if each["body"].get("tools")))
    # Codex does not resume a session that began with another provider.
    assert ("You take over a task" in told) == (house.cli == "codex")
    assert ("echo one > one.txt" in told) == (house.cli == "claude")
    assert ONE not in str(spare.requests)


@pytest.mark.skipif(not ALL, reason="make test has it at the gateway")
def test_with_a_tier_the_other_account_comes_before_the_next_provider(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_api() as spare:
        monkeypatch.setenv("SPARE_KEY", "sk-spare-0123456789")
        own = f'[providers.own]\nbase_url = "{house.api}/v1"\napis = ["messages", "responses"]\n'
        provider = f'[providers.spare]\nbase_url = "{spare.url}/v1"\napis = ["messages", "responses"]\n'
        tiers = 'key_env = "SPARE_KEY"\ncount_tokens = true\n[tiers]\nwork = ["own:big", "spare:small"]\n'
        house.bench.own(f'[accounts.work]\nprofile = "{house.cli}"\n{own}{provider}{tiers}')
        house.script.on_answer = lambda blocks: house.logins.limited.update({ONE: time.time() + 3000})
        house.start(Mode.HEADLESS, tier="work")
        view = house.deck.wait("fox")
        gateways.stop(world_of(house.deck))
    assert (view.profile, view.outcome) == (house.second, ExitCode.UNCOMMITTED), house.log()
    assert list(dict.fromkeys(house.logins.asked)) == [ONE, TWO]
    assert not spare.requests
    assert "echo one > one.txt" in json.dumps(house.script.told[-1]), "the conversation came along"
