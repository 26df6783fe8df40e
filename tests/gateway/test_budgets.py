"""Budgets: told at 80 %, kept at 100 %, and passed by one request an agent at most."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Fault, State
from agentdeck.core.agents.reports import Report, read_report
from agentdeck.core.config.gateway import BudgetsConfig, Limit
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.spent import Spent
from agentdeck.core.providers.token_usage import Usage
from agentdeck.gateway.budgets import Budgets
from agentdeck.system.gateway import tokens
from agentdeck.system.gateway.ledger import Ledger, LedgerRecord
from agentdeck.system.gateway.tokens import Bearer
from agentdeck.system.state.store import Store
from tests.gateway.upstream import APIS, Play, Server, app_of, playing, provider, served
from tests.support.share import examples

# One answer of the server is 11 + 5 tokens in and 7 out; at these prices it costs 0.023 dollars.
PRICES = {"big-model": {"input": 1000.0, "cache_read": 1000.0, "output": 1000.0}}
ONE, TOKENS = 0.023, 23


def budget(**rules: Any) -> dict[str, Any]:
    return {"budgets": rules}


async def spend(play: Play, count: int, api: Api = Api.CHAT) -> list[int]:
    return [(await play.ask(api, stream=True, max_tokens=10))[0] for _ in range(count)]


def kinds(play: Play) -> list[str]:
    return [event["kind"] for event in play.events() if event["kind"].startswith("budget.")]


@pytest.mark.parametrize("scope", ["agent", "deck", "day"])
@pytest.mark.parametrize("limit", [{"money": ONE * 5}, {"tokens": TOKENS * 5}])
def test_it_is_told_at_eighty_percent_and_nothing_is_sent_at_a_hundred(
    tmp_path: Path, scope: str, limit: dict[str, float]
) -> None:
    async def check() -> None:
        async with playing(tmp_path, plan=budget(**{scope: limit}), prices=PRICES) as play:
            assert await spend(play, 3) == [200] * 3
            assert kinds(play) == []
            assert await spend(play, 1) == [200]
            assert kinds(play) == ["budget.warned"]
            assert await spend(play, 3) == [200, 400, 400]
            assert kinds(play) == ["budget.warned", "budget.reached"]
            assert len(play.main.requests) == 5
            assert play.spare.requests == []
            assert [record.outcome for record in play.records()] == ["ok"] * 5 + ["exhausted"] * 2
            assert play.records()[0].cost == pytest.approx(ONE)
            # Another agent has a budget of its own, but not another repository.
            owl = tokens.mint(tokens.secret(play.state), Bearer("deck", "owl", "work"))
            async with play.client.post(play.url(Api.CHAT, owl), json={"model": "m"}) as answer:
                assert answer.status == (200 if scope == "agent" else 400)

    asyncio.run(check())


@pytest.mark.parametrize("api", APIS)
def test_the_answer_stops_the_clients_own_retries_and_says_why(tmp_path: Path, api: Api) -> None:
    async def check() -> None:
        async with playing(tmp_path, plan=budget(agent={"tokens": 1})) as play:
            assert (await play.ask(api, stream=True))[0] == 200
            async with play.client.post(play.url(api), json={"model": "m", "stream": True}) as answer:
                assert answer.status == (400 if api is Api.CHAT else 429)
                assert answer.headers["x-should-retry"] == "false"
                assert "the agent's budget is spent" in (await answer.json())["error"]["message"]
            assert play.gateway.board.serving[Bearer("deck", "fox", "work")].reason == "the agent's budget is spent"

    asyncio.run(check())


@pytest.mark.parametrize("bounded", [True, False])
def test_requests_side_by_side_pass_it_by_one_at_most(tmp_path: Path, bounded: bool) -> None:
    """Ten at once, where the budget has room for three and a half."""

    async def check() -> None:
        async with playing(
            tmp_path, plan=budget(agent={"money": ONE * 3.5}), prices=PRICES, timeouts={"first_byte": 30.0}
        ) as play:
            play.main.pause = 0.02
            more = {"max_tokens": 10} if bounded else {}
            answers = await asyncio.gather(*(play.ask(Api.CHAT, stream=True, **more) for _ in range(10)))
            assert sorted(status for status, _ in answers) == [200] * 4 + [400] * 6
            assert len(play.main.requests) == 4

    asyncio.run(check())


def test_what_an_agent_starts_is_paid_out_of_its_own_budget(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, plan=budget(agent={"money": ONE * 3}), prices=PRICES) as play:
            key = tokens.secret(play.state)
            cub = play.url(Api.CHAT, tokens.mint(key, Bearer("deck", "cub", "work", "fox")))
            plain = play.url(Api.CHAT, tokens.mint(key, Bearer("deck", "cub", "work")))

            async def ask(url: str) -> int:
                async with play.client.post(url, json={"model": "m", "stream": True, "max_tokens": 10}) as answer:
                    await answer.read()
                    return answer.status

            assert [await ask(plain), await ask(cub)] == [200, 200]  # what it took before counts, too
            assert await spend(play, 2) == [200, 400]
            assert await ask(cub) == 400

    asyncio.run(check())


def test_an_agent_does_not_pay_for_a_removed_one_of_its_name(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, plan=budget(agent={"money": ONE * 2}), prices=PRICES) as play:
            key = tokens.secret(play.state)

            async def ask(made: float, purse: str = "") -> int:
                url = play.url(Api.CHAT, tokens.mint(key, Bearer("deck", "fox", "work", purse, made)))
                async with play.client.post(url, json={"model": "m", "stream": True, "max_tokens": 10}) as answer:
                    await answer.read()
                    return answer.status

            first = time.time() - 60
            assert [await ask(first) for _ in range(3)] == [200, 200, 400]
            again = time.time()
            assert [await ask(again) for _ in range(3)] == [200, 200, 400]
            assert await ask(first) == 400, "a request of the removed one takes nothing back"
            child = time.time()
            assert await ask(child, "owl") == 200
            owl = play.url(Api.CHAT, tokens.mint(key, Bearer("deck", "owl", "work", "", first)))
            async with play.client.post(owl, json={"model": "m", "stream": True, "max_tokens": 10}) as answer:
                assert answer.status == 200
            assert await ask(child, "owl") == 400, "its parent's budget pays for it"

    asyncio.run(check())


def test_an_agent_keeps_its_own_spending_over_a_restart_of_the_gateway(tmp_path: Path) -> None:
    async def check() -> None:
        made = 0.0
        for statuses in ([200], [200, 400]):
            async with playing(tmp_path, plan=budget(agent={"money": ONE * 2}), prices=PRICES) as play:
                made = made or time.time()
                url = play.url(
                    Api.CHAT, tokens.mint(tokens.secret(play.state), Bearer("deck", "fox", "work", "", made))
                )
                for status in statuses:
                    async with play.client.post(url, json={"model": "m", "stream": True, "max_tokens": 9}) as answer:
                        await answer.read()
                        assert answer.status == status

    asyncio.run(check())


def test_requests_side_by_side_do_not_wait_while_there_is_room(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, plan=budget(agent={"money": 1000.0}), prices=PRICES) as play:
            play.main.pause = 0.1
            loop = asyncio.get_running_loop()
            began = loop.time()
            await play.ask(Api.CHAT, stream=True, max_tokens=10)
            one = loop.time() - began
            began = loop.time()
            await asyncio.gather(*(play.ask(Api.CHAT, stream=True, max_tokens=10) for _ in range(6)))
            assert loop.time() - began < 3 * one

    asyncio.run(check())


def test_agents_share_the_budget_of_their_deck(tmp_path: Path) -> None:
    """Three agents, each with four at once: each may pass it by one."""

    async def check() -> None:
        async with playing(
            tmp_path, plan=budget(deck={"money": ONE * 1.5}), prices=PRICES, timeouts={"first_byte": 30.0}
        ) as play:
            play.main.pause = 0.02
            key = tokens.secret(play.state)
            urls = [play.url(Api.CHAT, tokens.mint(key, Bearer("deck", name, "work"))) for name in ("a", "b", "c")]

            async def ask(url: str) -> int:
                async with play.client.post(url, json={"model": "m", "stream": True}) as answer:
                    await answer.read()
                    return answer.status

            statuses = await asyncio.gather(*(ask(url) for url in urls * 4))
            assert 2 <= statuses.count(200) <= 4  # one has ended, and then each may have one under way
            assert len(play.main.requests) == statuses.count(200)

    asyncio.run(check())


def test_what_was_spent_before_a_restart_counts(tmp_path: Path) -> None:
    async def check() -> None:
        plan = budget(deck={"tokens": TOKENS * 2})
        async with playing(tmp_path, plan=plan) as play:
            assert await spend(play, 3) == [200, 200, 400]
        async with playing(tmp_path, plan=plan) as play:
            assert await spend(play, 1) == [400]
            assert play.main.requests == []

    asyncio.run(check())


def test_a_raised_budget_is_taken_up(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, plan=budget(agent={"tokens": 1})) as play:
            assert await spend(play, 2) == [200, 400]
            config = play.state / "config.json"
            tables = json.loads(config.read_text())
            tables["decks"][""]["budgets"] = {}
            config.write_text(json.dumps(tables))
            play.gateway._refresh(at_once=True)
            assert await spend(play, 1) == [200]

    asyncio.run(check())


def test_the_local_tier_takes_over(tmp_path: Path) -> None:
    async def check() -> None:
        async with served(app_of(Server("here"))) as port:
            plan = {
                "providers": {"own": provider(port, local=True)},
                "tiers": {"local": ["own:here-model"]},
                **budget(agent={"tokens": TOKENS}, at_limit="local"),
            }
            async with playing(tmp_path, plan=plan) as play:
                assert await spend(play, 2) == [200, 200]
                assert len(play.main.requests) == 1
                serving = play.gateway.board.serving[Bearer("deck", "fox", "work")]
                assert (serving.provider, serving.reason) == ("own", "the agent's budget is spent")
                assert play.records()[-1].cost == 0.0

    asyncio.run(check())


def test_the_agent_is_stopped_where_the_configuration_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store").open()
    (tmp_path / "store/agents/fox").mkdir(parents=True)
    killed: list[int] = []
    monkeypatch.setattr("os.kill", lambda pid, sign: killed.append(pid))
    monkeypatch.setattr(Store, "runner_pid", lambda self, name: 4711)

    async def check() -> None:
        async with playing(tmp_path, plan=budget(agent={"tokens": 1}, at_limit="stop")) as play:
            config = play.state / "config.json"
            tables = json.loads(config.read_text())
            tables["stores"] = {"deck": str(store.folder)}
            config.write_text(json.dumps(tables))
            play.gateway._refresh(at_once=True)
            assert await spend(play, 2) == [200, 400]
            assert killed == [4711]
        told = [event.text for event in store.events("fox") if event.kind == "budget.reached"]
        assert told == ["the agent's budget is spent; it is stopped"]

    asyncio.run(check())


def test_the_agents_runner_is_told_before_its_cli_is_and_again_when_there_is_room(tmp_path: Path) -> None:
    store = Store(tmp_path / "store").open()
    inbox = tmp_path / "store/agents/fox/inbox"
    inbox.mkdir(parents=True)

    def reports() -> list[Report | None]:
        found = [read_report(json.loads(path.read_text())) for path in sorted(inbox.glob("*.json"))]
        for path in inbox.glob("*.json"):
            path.unlink()
        return found

    async def check() -> None:
        async with playing(tmp_path, plan=budget(agent={"tokens": 1})) as play:
            config = play.state / "config.json"
            tables = json.loads(config.read_text())
            tables["stores"] = {"deck": str(store.folder)}
            config.write_text(json.dumps(tables))
            play.gateway._refresh(at_once=True)
            assert await spend(play, 1) == [200]
            assert reports() == []
            assert await spend(play, 2) == [400, 400]
            assert (
                reports() == [Report(State.LIMITED, "the agent's budget is spent", Fault.BUDGET, by_gateway=True)] * 2
            )
            tables["decks"][""]["budgets"] = {}
            config.write_text(json.dumps(tables))
            play.gateway._refresh(at_once=True)
            assert await spend(play, 2) == [200, 200]
            assert reports() == [Report(State.WORKING, by_gateway=True)]

    asyncio.run(check())


def test_a_provider_that_fails_does_not_leave_a_place_taken(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "500", "500", plan=budget(agent={"tokens": TOKENS})) as play:
            assert await spend(play, 2) == [400, 400]
            play.main.fault = play.spare.fault = "ok"
            assert not any(play.gateway._budgets._tickets.values())
            assert all(flying.tokens == 0 for flying in play.gateway._budgets._flying.values())

    asyncio.run(check())


@settings(max_examples=examples(60))
@given(st.data())
def test_a_request_counts_on_the_day_on_which_it_came_whenever_it_ends(data: st.DataObject) -> None:
    """Midnight may come between any two steps."""
    midnight = time.mktime((2026, 3, 4, 0, 0, 0, 0, 0, -1))
    rules = BudgetsConfig(day=Limit(tokens=10**9))
    who = Bearer("deck", "fox", "work")
    times = data.draw(st.lists(st.integers(-9, 9).map(lambda each: midnight + each), min_size=1, max_size=6))

    async def check(folder: Path) -> None:
        with Ledger(folder) as ledger:
            budgets = Budgets(ledger, lambda _: None)
            for at in times:
                assert not await budgets.admit(who, at, lambda: rules, Spent(0.0, 7))
            for at in data.draw(st.permutations(times)):
                budgets.add(LedgerRecord(at, "deck", "fox", "work", "chat", "m", usage=Usage(3, 1)), rules)
                budgets.ended(who, at, Spent(0.0, 7))
        assert all(each == Spent() for each in budgets._flying.values())
        for day, count in Counter(time.strftime("%Y-%m-%d", time.localtime(at)) for at in times).items():
            assert budgets._spent["day", "deck", day].tokens == 4 * count

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder)))
