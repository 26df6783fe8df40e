"""An agent whose budget is spent pauses, and says so: to its runner the refusal looks like a provider's limit, but no
other profile, whose provider costs money as well, may go on with its work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agentdeck.core.agents.agent import Fault, Mode, State
from agentdeck.core.agents.reports import gateway_report
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.support.decks import CONFIG, Bench, world_of
from tests.support.fake_api import FakeApi, fake_api
from tests.support.retry import eventually
from tests.support.scripted import Scripted

pytestmark = pytest.mark.timeout(90)
SPENT = "\n[budgets.agent]\ntokens = 0\n"
ASK = {"ask": "/v1/messages", "print": '{"type":"result","is_error":false}'}
TASK: dict[str, Any] = {"task": "Work", "profile": "claude", "name": "fix", "tier": "work", "mode": Mode.HEADLESS}


@pytest.fixture
def provider(bench: Bench) -> Iterator[FakeApi]:
    with fake_api() as api:
        yield api


def configure(
    bench: Bench, api: FakeApi, more: str, *, failover: str = '["claude", "codex"]', pause: float = 0.4
) -> None:
    tables = f'[providers.main]\nbase_url = "{api.url}/v1"\napis = ["messages"]\nlocal = true\n'
    tables += f'[tiers]\nwork = ["main:m"]\n[agent]\nfailover = {failover}\n[failover]\nfirst_pause = {pause}\n'
    bench.write("agentdeck.toml", f"{CONFIG}\n{tables}{more}")


def test_it_is_not_failed_over_and_goes_on_when_there_is_room_again(
    bench: Bench, scripted: Scripted, provider: FakeApi
) -> None:
    scripted.plan(claude=[ASK], codex=[{"print": "never"}])
    configure(bench, provider, SPENT)
    deck = bench.deck()
    deck.start(StartRequest(**TASK))
    eventually(lambda: "budget is spent; claude tries again at" in deck.agent("fix").status.reason, 15)
    status = deck.agent("fix").status
    assert (status.state, status.fault) == (State.LIMITED, Fault.BUDGET)
    assert status.reason.startswith("the agent's budget is spent; ")
    eventually(lambda: len(scripted.names) >= 3, 15)
    assert provider.requests == []
    configure(bench, provider, "")
    gateways.ensure(world_of(bench.deck()))
    view = deck.wait("fix")
    assert (view.state, view.outcome, view.status.fault) == (State.DONE, ExitCode.UNCHANGED, Fault.NONE)
    assert set(scripted.names) == {"claude"}, "a paid provider that nobody counts went on"


@pytest.mark.parametrize("failover", ["[]", '["claude", "codex"]'])
def test_it_ends_with_try_later_where_it_is_not_to_wait(
    bench: Bench, scripted: Scripted, provider: FakeApi, failover: str
) -> None:
    scripted.plan(claude=[ASK], codex=[{"print": "never"}])
    configure(bench, provider, "attempts = 0\n" + SPENT, failover=failover)
    deck = bench.deck()
    deck.start(StartRequest(**TASK))
    view = deck.wait("fix")
    assert (view.state, view.status.fault, view.outcome) == (State.FAILED, Fault.BUDGET, ExitCode.TRY_LATER)
    assert view.status.reason.startswith("the agent's budget is spent")
    assert scripted.names == ["claude"]


def test_at_its_screen_it_is_limited_and_says_why(bench: Bench, scripted: Scripted, provider: FakeApi) -> None:
    """The program stays, as Claude Code does, with the words of a limit on its screen."""
    limit = "API Error: Request rejected (429) · AgentDeck"
    scripted.plan(claude=[{"print": "Ready", "say": [limit], "hold": True}], codex=[{"print": "never"}])
    configure(bench, provider, "settle = 0.2\n", pause=60.0)  # longer than it takes to send a message
    deck = bench.deck()
    deck.start(StartRequest(**{**TASK, "mode": Mode.INTERACTIVE}))
    eventually(lambda: "Ready" in deck.screen("fix"))
    deck.store.report("fix", gateway_report("today's budget is spent", Fault.BUDGET))
    deck.send("fix", "Go on", now=True)
    eventually(lambda: limit in deck.screen("fix"))
    eventually(lambda: "today's budget is spent; claude tries again at" in deck.agent("fix").status.reason, 15)
    assert deck.agent("fix").state is State.LIMITED
    deck.store.report("fix", gateway_report("", Fault.BUDGET))
    eventually(lambda: deck.agent("fix").state is State.WORKING)
    assert scripted.names == ["claude"]
