"""What passes through the gateway, to whom, and what it remembers."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.tiers import Target
from agentdeck.core.providers.token_usage import Usage
from agentdeck.gateway.local import LocalServers
from agentdeck.system.gateway import tokens
from agentdeck.system.gateway.tokens import Bearer
from tests.gateway.upstream import (
    APIS,
    KEYS,
    PATHS,
    Play,
    Server,
    app_of,
    document_of,
    playing,
    provider,
    served,
    stream_of,
)

TIME = 10.0
LOGIN = "sk-ant-oat01-the-users-own-login"


async def until(check: Any) -> None:
    async with asyncio.timeout(TIME):
        while not check():
            await asyncio.sleep(0.01)


def test_a_request_passes_unchanged_but_for_model_and_credentials(tmp_path: Path) -> None:
    raw = b'{ "x":"\\u00fc \xc3\xbc", "messages": [ {"model":"kept"} ],\n"model" : "claude-x","stream":false }'
    headers = {"Content-Type": "application/json", "X-Api-Key": "dummy", "Anthropic-Beta": "a,b", "User-Agent": "cc/1"}

    async def check() -> None:
        async with playing(tmp_path) as play:
            url = play.url(Api.MESSAGES) + "?beta=true&x=%2F"
            async with play.client.post(url, data=raw, headers=headers) as answer:
                assert await answer.read() == document_of(Api.MESSAGES, "main", "big-model")
            seen = play.main.requests[0]
            assert seen.body == raw.replace(b'"claude-x"', b'"big-model"')
            assert seen.query == "beta=true&x=/"
            got = {name.lower(): value for name, value in seen.headers.items()}
            assert got["x-api-key"] == KEYS["MAIN_KEY"]
            assert (got["anthropic-beta"], got["user-agent"]) == ("a,b", "cc/1")
            assert "accept-encoding" not in got

    asyncio.run(check())


def test_the_agents_own_login_goes_to_its_provider_and_to_no_other(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "ok", key_env="") as play:
            headers = {"Authorization": f"Bearer {LOGIN}", "X-Api-Key": LOGIN}
            for fault in ("ok", "500"):
                play.main.fault = fault
                async with play.client.post(play.url(Api.MESSAGES), json={"model": "m"}, headers=headers) as answer:
                    assert answer.status == 200
            assert [seen.headers["Authorization"] for seen in play.main.requests] == [f"Bearer {LOGIN}"] * 2
            assert LOGIN not in str(play.spare.requests)
            assert play.spare.requests[0].headers["x-api-key"] == KEYS["SPARE_KEY"]

    asyncio.run(check())


def test_a_refused_login_is_the_callers_where_nobody_else_has_a_key(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "401", plan={"tiers": {"work": ["main:m"]}}) as play:
            status, body = await play.ask(Api.MESSAGES, stream=True)
            assert (status, json.loads(body)["error"]["type"]) == (401, "authentication_error")
            assert play.breakers() == {}
            assert play.records()[0].outcome == "error"

    asyncio.run(check())


def test_a_refused_key_is_the_callers_where_the_next_one_has_none(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "401", spare_key="UNSET_KEY") as play:
            status, _ = await play.ask(Api.MESSAGES, stream=False)
            assert status == 401
            assert play.spare.requests == []

    asyncio.run(check())


def test_no_key_login_or_token_is_written_anywhere(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "401") as play:
            headers = {"Authorization": f"Bearer {LOGIN}"}
            for api in APIS:
                async with play.client.post(play.url(api), json={"model": "m"}, headers=headers) as answer:
                    body = (await answer.read()).decode() + str(answer.headers)
                assert not any(secret in body for secret in (*KEYS.values(), LOGIN, play.token))
            operator = tokens.mint(tokens.secret(play.state), tokens.OPERATOR)
            shown = ""
            for path in ("status", "metrics"):
                async with play.client.get(f"http://127.0.0.1:{play.port}/{operator}/{path}") as answer:
                    assert answer.status == 200
                    shown += await answer.text()
            files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name != "secret")
            everything = shown.encode() + files
            assert b"fox" in everything
            for secret in (*KEYS.values(), LOGIN, play.token, operator):
                assert secret.encode() not in everything

    asyncio.run(check())


@pytest.mark.parametrize("token", ["", "x", "x.y", "W10.AAAA", "é"])
def test_nobody_without_a_token_gets_in(tmp_path: Path, token: str) -> None:
    async def check() -> None:
        async with playing(tmp_path) as play:
            url = f"http://127.0.0.1:{play.port}/{token}{PATHS[Api.MESSAGES]}"
            async with play.client.post(url, json={"model": "m"}) as answer:
                assert answer.status in (401, 404)
            async with play.client.get(f"http://127.0.0.1:{play.port}/{play.token}/status") as answer:
                assert answer.status == 404
            assert play.main.requests == []

    asyncio.run(check())


def test_tokens_name_their_agent_and_can_not_be_altered(tmp_path: Path) -> None:
    key = tokens.secret(tmp_path)
    assert tokens.secret(tmp_path) == key
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    bearer = Bearer("/home/ü/deck", "fox", "deep")
    token = tokens.mint(key, bearer)
    assert tokens.verify(key, token) == bearer
    assert tokens.verify(b"other" * 8, token) is None
    payload, _, signature = token.partition(".")
    other = tokens.mint(key, Bearer("/home/ü/deck", "owl", "deep")).partition(".")[0]
    assert tokens.verify(key, f"{other}.{signature}") is None
    assert tokens.verify(key, payload) is None


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("stream", [True, False])
def test_the_ledger_holds_what_each_request_took(tmp_path: Path, api: Api, stream: bool) -> None:
    async def check() -> None:
        async with playing(tmp_path, "503") as play:
            await play.ask(api, stream=stream)
            (record,) = play.records()
            assert record.usage == Usage(input=11, output=7, cache_read=5)
            assert (record.deck, record.agent, record.tier, record.api) == ("deck", "fox", "work", api.value)
            assert (record.asked, record.provider, record.model) == ("asked-model", "spare", "small-model")
            assert (record.outcome, record.status, record.attempts) == ("ok", 200, 2)
            assert record.faults == ["main:big-model: overloaded (503 server_error)"]
            assert record.first_byte is not None
            assert 0 < record.first_byte <= record.seconds < TIME

    asyncio.run(check())


def test_a_chat_client_that_asks_for_usage_gets_it(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path) as play:
            _, without = await play.ask(Api.CHAT, stream=True)
            _, asked = await play.ask(Api.CHAT, stream=True, stream_options={"include_usage": True})
            assert b"usage" not in without
            assert b'"prompt_tokens": 16' in asked
            assert (
                asked.replace(asked[asked.index(b'data: {"choices": []') : asked.index(b"data: [DONE]")], b"")
                == without
            )

    asyncio.run(check())


def test_thinking_of_another_provider_is_stripped_on_exactly_that_error(tmp_path: Path) -> None:
    turn = {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hi"}]}

    async def check() -> None:
        async with playing(tmp_path, "signature") as play:
            status, body = await play.ask(Api.MESSAGES, stream=True, messages=[turn])
            assert (status, body) == (200, b"".join(stream_of(Api.MESSAGES, "main", "big-model")))
            assert [b"thinking" in seen.body for seen in play.main.requests] == [True, False]
            assert play.spare.requests == []
            play.main.fault = "400"
            status, _ = await play.ask(Api.MESSAGES, stream=True, messages=[turn])
            assert status == 400
            assert len(play.main.requests) == 3

    asyncio.run(check())


def test_thinking_is_stripped_only_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "always signature") as play:
            status, body = await play.ask(Api.MESSAGES, stream=True)
            assert status == 400
            assert b"Invalid `signature`" in body
            assert len(play.main.requests) == 2

    asyncio.run(check())


def test_tokens_are_counted_by_the_server_or_estimated(tmp_path: Path) -> None:
    async def count(play: Play) -> int:
        body = {"model": "m", "messages": [{"role": "user", "content": "word " * 80}]}
        async with play.client.post(play.url(Api.MESSAGES) + "/count_tokens", json=body) as answer:
            assert answer.status == 200
            tokens_counted = (await answer.json())["input_tokens"]
            assert isinstance(tokens_counted, int)
            return tokens_counted

    async def check() -> None:
        async with playing(tmp_path, count_tokens=True) as play:
            assert await count(play) == 4242
            assert json.loads(play.main.requests[0].body)["model"] == "big-model"
        async with playing(tmp_path) as play:
            assert 80 <= await count(play) <= 130
            assert play.main.requests == []
        async with playing(tmp_path, "refused", count_tokens=True) as play:
            assert 80 <= await count(play) <= 130

    asyncio.run(check())


def test_model_lists_come_from_the_chain(tmp_path: Path) -> None:
    async def listed(play: Play, path: str) -> object:
        async with play.client.get(f"http://127.0.0.1:{play.port}/{play.token}{path}") as answer:
            return (await answer.json())["data"]

    async def check() -> None:
        async with playing(tmp_path) as play:
            assert await listed(play, "/v1/models") == [{"id": "main-model"}]
        async with playing(tmp_path, "refused") as play:
            assert await listed(play, "/models") == [{"id": "spare-model"}]

    asyncio.run(check())


def test_a_model_named_like_a_tier_is_that_tier(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, plan={"tiers": {"deep": ["spare:deep-model"]}}) as play:
            await play.ask(Api.CHAT, stream=False, model="deep")
            assert json.loads(play.spare.requests[0].body)["model"] == "deep-model"

    asyncio.run(check())


def test_a_chain_that_can_not_work_is_refused_and_no_other(tmp_path: Path) -> None:
    async def check() -> None:
        tiers = {"tiers": {"wrong": ["nobody:x"], "bare": ["main"]}}
        async with playing(tmp_path, plan=tiers, apis=["messages"]) as play:
            for tier, reason in {"wrong": "no provider “nobody”", "bare": "has to name a model"}.items():
                status, body = await play.ask(Api.CHAT, stream=True, model=tier)
                assert status == 400
                assert reason in json.loads(body)["error"]["message"]
            assert (await play.ask(Api.MESSAGES, stream=True))[0] == 200

    asyncio.run(check())


def test_a_missing_key_is_a_reason_and_not_a_request(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, key_env="UNSET_KEY") as play:
            status, _ = await play.ask(Api.MESSAGES, stream=True)
            assert status == 200
            assert play.main.requests == []
            assert "UNSET_KEY is not set" in play.records()[0].faults[0]

    asyncio.run(check())


def test_a_client_that_leaves_is_left_upstream_at_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "hang mid", timeouts={"idle": 60.0, "first_byte": 60.0}) as play:
            answer = await play.client.post(play.url(Api.CHAT), json={"model": "m", "stream": True})
            await answer.content.readany()
            answer.close()
            await asyncio.wait_for(play.main.cut_off.wait(), TIME)
            play.main.cut_off.clear()
            play.main.fault = "hang"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(play.ask(Api.CHAT, stream=True), 0.3)
            await asyncio.wait_for(play.main.cut_off.wait(), TIME)
            await until(lambda: len(play.records()) == 2)
            assert {record.outcome for record in play.records()} == {"cancelled"}
            assert play.breakers() == {}
            assert sum(play.gateway.board.in_flight.values()) == 0

    asyncio.run(check())


def test_fifty_megabytes_pass_and_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, timeouts={"answer": 60.0}) as play:
            big = b'{"model": "m", "messages": [{"content": "' + b"A" * 50_000_000 + b'"}]}'
            async with play.client.post(play.url(Api.MESSAGES), data=big) as answer:
                assert answer.status == 200
            assert play.main.requests[0].body == big.replace(b'"m"', b'"big-model"')
            async with play.client.post(play.url(Api.MESSAGES), data=b"A" * 68_000_000) as answer:
                assert answer.status == 413
                assert (await answer.json())["error"]["type"] == "request_too_large"

    asyncio.run(check())


def test_compressed_requests_and_connections_kept_open(tmp_path: Path) -> None:
    body = json.dumps({"model": "m", "messages": []}).encode()

    async def check() -> None:
        async with playing(tmp_path) as play:
            for encoding, data in (("gzip", gzip.compress(body)), ("identity", body)):
                headers = {"Content-Encoding": encoding, "Accept-Encoding": "gzip, br"}
                async with play.client.post(play.url(Api.CHAT), data=data, headers=headers) as answer:
                    assert answer.status == 200
                    assert "Content-Encoding" not in answer.headers
            assert {seen.body for seen in play.main.requests} == {body.replace(b'"m"', b'"big-model"')}
            async with play.client.post(
                play.url(Api.CHAT), data=body, headers={"Content-Encoding": "snappy"}
            ) as answer:
                assert answer.status == 415
            assert len(play.client.connector._conns) == 1  # type: ignore[union-attr]

    asyncio.run(check())


def test_a_stream_is_forwarded_as_it_comes(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path) as play:
            play.main.pause = 0.1
            play.main.words = 6
            loop = asyncio.get_running_loop()
            began, arrivals = loop.time(), []
            async with play.client.post(play.url(Api.CHAT), json={"model": "m", "stream": True}) as answer:
                assert answer.headers["X-Kept"] == "yes"
                assert answer.content_type == "text/event-stream"
                async for _ in answer.content.iter_any():
                    arrivals.append(loop.time() - began)
            assert len(arrivals) >= 6
            assert arrivals[0] < 0.5 * arrivals[-1]

    asyncio.run(check())


def test_two_hundred_streams_at_once_lose_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, timeouts={"first_byte": 60.0, "idle": 60.0}) as play:
            play.main.words = 100
            sent = {api: b"".join(stream_of(api, "main", "big-model", 100)) for api in APIS}
            apis = [APIS[number % 3] for number in range(200)]
            answers = await asyncio.gather(*(play.ask(api, stream=True) for api in apis))
            assert all(answer == (200, sent[api]) for api, answer in zip(apis, answers, strict=True))
            assert len(play.main.requests) == 200
            assert play.spare.requests == []
            assert sum(record.usage.output for record in play.records()) == 200 * 7

    asyncio.run(check())


def test_an_outage_is_told_and_the_primary_taken_back_after_one_probe(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "529", plan={"gateway": {"breaker_seconds": 0.4, "backoff": 0.02}}) as play:
            for _ in range(5):
                assert (await play.ask(Api.MESSAGES, stream=True))[0] == 200
            assert len(play.main.requests) == 3
            assert len(play.spare.requests) == 5
            serving = play.gateway.board.serving[Bearer("deck", "fox", "work")]
            assert (serving.provider, serving.reason) == ("spare", "main:big-model: overloaded (529 server_error)")
            play.main.fault = "ok"
            play.main.pause = 0.05
            await until(lambda: play.breakers()[("main", "health")]["phase"] == "half-open")
            await asyncio.gather(*(play.ask(Api.MESSAGES, stream=True) for _ in range(8)))
            await until(lambda: play.breakers() == {})
            probes = [seen for seen in play.main.requests if b"Say ok." in seen.body]
            assert len(probes) == 1
            seen = len(play.main.requests)
            await play.ask(Api.MESSAGES, stream=True)
            assert len(play.main.requests) == seen + 1
            kinds = [event["kind"] for event in play.events() if event["agent"] == "fox"]
            assert kinds[0] == "provider.failed_over"
            assert kinds[-1] == "provider.failed_back"
            about = [event["text"] for event in play.events() if event["kind"] == "provider.left_alone"]
            address = play.gateway._plans.of("deck").providers["main"].base_url
            assert about == [f"main ({address}) is paused: overloaded (529 server_error)"]

    asyncio.run(check())


def test_an_agent_that_nobody_serves_is_told_of_once_and_of_its_way_back(tmp_path: Path) -> None:
    async def check() -> None:
        plan = {"gateway": {"breaker_seconds": 0.2, "retries": 0, "retry_budget": 0.0}}
        async with playing(tmp_path, "500", "500", plan=plan) as play:
            for _ in range(3):
                assert (await play.ask(Api.MESSAGES, stream=True))[0] == 429
            serving = play.gateway.board.serving[Bearer("deck", "fox", "work")]
            assert (serving.provider, serving.text[:19]) == ("", "no provider serves ")
            play.main.fault = play.spare.fault = "ok"
            await until(lambda: play.breakers().get(("main", "health"), {"phase": "half-open"})["phase"] == "half-open")
            assert (await play.ask(Api.MESSAGES, stream=True))[0] == 200
            kinds = [event["kind"] for event in play.events() if event["agent"] == "fox"]
            assert kinds == ["provider.exhausted", "provider.failed_back"]
            await until((play.state / "board.json").exists)
            await until(lambda: json.loads((play.state / "board.json").read_text())["agents"][0]["reason"] == "")

    asyncio.run(check())


def test_who_serves_whom_outlives_the_process(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "500") as play:
            await play.ask(Api.CHAT, stream=True)
        async with playing(tmp_path) as play:
            assert play.gateway.board.serving[Bearer("deck", "fox", "work")].provider == "spare"
            await play.ask(Api.CHAT, stream=True)
            assert [event["kind"] for event in play.events() if event["agent"]][-1] == "provider.failed_back"

    asyncio.run(check())


def test_a_probe_whose_client_left_frees_its_place(tmp_path: Path) -> None:
    async def check() -> None:
        plan = {"gateway": {"breaker_seconds": 0.2, "breaker_failures": 1}, "tiers": {"work": ["main:m"]}}
        async with playing(tmp_path, "500", plan=plan, timeouts={"first_byte": 60.0}) as play:
            await play.ask(Api.CHAT, stream=True)
            play.main.fault = "hang"
            await until(lambda: play.breakers()[("main", "health")]["phase"] == "half-open")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(play.ask(Api.CHAT, stream=True), 0.2)
            await asyncio.wait_for(play.main.cut_off.wait(), TIME)
            play.main.fault = "ok"
            await until(lambda: sum(play.gateway.board.in_flight.values()) == 0)
            assert b"main-0" in (await play.ask(Api.CHAT, stream=True))[1]

    asyncio.run(check())


def test_a_limit_of_one_login_does_not_touch_the_others(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "exhausted", key_env="") as play:
            await play.ask(Api.MESSAGES, stream=False)
            play.main.fault = "ok"
            await play.ask(Api.MESSAGES, stream=False)
            assert (len(play.main.requests), len(play.spare.requests)) == (1, 2)
            owl = tokens.mint(tokens.secret(play.state), Bearer("deck", "owl", "work"))
            async with play.client.post(play.url(Api.MESSAGES, owl), json={"model": "m"}) as answer:
                assert b"main" in await answer.read()

    asyncio.run(check())


def test_a_short_outage_of_the_only_provider_is_waited_out(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(
            tmp_path,
            "503",
            plan={"tiers": {"work": ["main:m"]}, "gateway": {"backoff": 0.4, "retries": 1, "retry_budget": 5.0}},
        ) as play:
            asked = asyncio.create_task(play.ask(Api.CHAT, stream=True))
            await until(lambda: play.main.requests)
            play.main.fault = "ok"
            assert await asked == (200, b"".join(stream_of(Api.CHAT, "main", "m")))
            assert len(play.main.requests) == 2

    asyncio.run(check())


def test_a_provider_at_its_limit_of_requests_is_passed_over(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, max_concurrent=1, plan={"gateway": {"retry_budget": 0.0}}) as play:
            play.main.pause = 0.1
            answers = await asyncio.gather(*(play.ask(Api.CHAT, stream=True) for _ in range(3)))
            assert all(status == 200 for status, _ in answers)
            assert (len(play.main.requests), len(play.spare.requests)) == (1, 2)

    asyncio.run(check())


def test_a_server_that_closed_a_kept_connection_is_not_taken_for_down(tmp_path: Path) -> None:
    """The server answers once on a connection and closes it when the second request is on its way."""
    good = document_of(Api.CHAT, "main", "m")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(good)
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        request = await reader.readuntil(b"\r\n\r\n")
        size = int(request.lower().split(b"content-length:")[1].split()[0])
        await reader.readexactly(size)
        writer.write(head + good)
        await reader.read(1)
        writer.close()

    async def check() -> None:
        server = await asyncio.start_server(once, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        table = provider(port, "MAIN_KEY")
        async with playing(tmp_path, plan={"providers": {"main": table}}) as play:
            for _ in range(3):
                assert await play.ask(Api.CHAT, stream=False) == (200, good)
            assert play.spare.requests == []
            assert play.breakers() == {}
        assert connections == 3
        server.close()

    asyncio.run(check())


def test_servers_of_this_machine_are_found_and_join_the_local_tier(tmp_path: Path) -> None:
    async def check() -> None:
        async with served(app_of(Server("here"))) as port:
            table = provider(port, local=True)
            plan = {"providers": {"ollama": table}, "tiers": {"work": ["main:big-model", "local"], "local": "auto"}}
            async with playing(tmp_path, "refused", plan=plan) as play:
                found = await LocalServers().targets(play.gateway._plans.of("").providers)
                assert Target("ollama", "here-model") in found
                status, body = await play.ask(Api.RESPONSES, stream=True)
                assert status == 200
                assert b"here-0" in body

    asyncio.run(check())


def test_two_decks_mean_different_servers_by_a_name_and_many_requests_ask_for_them_at_once(tmp_path: Path) -> None:
    async def check() -> None:
        one, two = Server("one"), Server("two")
        async with served(app_of(one)) as first, served(app_of(two)) as second, playing(tmp_path) as play:
            config = tmp_path / "config.json"
            tables = json.loads(config.read_text())
            for deck, port in (("a", first), ("b", second)):
                own = {"ollama": provider(port, local=True)}
                tables["decks"][deck] = {"providers": own, "tiers": {"local": "auto"}}
            config.write_text(json.dumps(tables))
            play.gateway._refresh(at_once=True)
            key = tokens.secret(play.state)

            async def ask(deck: str) -> bytes:
                url = play.url(Api.CHAT, tokens.mint(key, Bearer(deck, "fox", "local")))
                async with play.client.post(url, json={"model": "m"}) as answer:
                    return await answer.read()

            answers = await asyncio.gather(*(ask(deck) for deck in "aabb"))
            said = [json.loads(answer).get("text", answer) for answer in answers]
            assert said == ["one-0 ", "one-0 ", "two-0 ", "two-0 "]

    asyncio.run(check())


def test_a_changed_configuration_is_taken_up_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path) as play:
            config = tmp_path / "config.json"
            tables = json.loads(config.read_text())
            plans = play.gateway._plans
            tables["decks"][""]["tiers"]["work"] = ["spare:small-model"]
            config.write_text(json.dumps(tables))
            assert plans.refresh()
            await play.ask(Api.CHAT, stream=False)
            assert len(play.spare.requests) == 1
            tables["decks"][""]["tiers"]["work"] = 7
            config.write_text(json.dumps(tables))
            assert not plans.refresh()
            assert "tiers.work" in plans.complaint
            assert plans.of("x").tiers["work"] == ["spare:small-model"]

    asyncio.run(check())


def test_a_breaker_is_told_to_the_decks_that_it_concerns(tmp_path: Path) -> None:
    """Two decks may call different servers by one name, and mean different keys by one variable."""

    async def check() -> None:
        async with playing(tmp_path, "429", plan={"tiers": {"work": ["main:m"]}}) as play:
            play.gateway._take_keys("deck", {"MAIN_KEY": "one"})
            play.gateway._take_keys("other", {"MAIN_KEY": "two"})
            await play.ask(Api.CHAT, stream=False)
            report = play.gateway.board.report(asyncio.get_running_loop().time())
            (entry,) = [each for each in report["breakers"] if each["what"] == "quota"]
            assert entry["decks"] == ["deck"]
            assert entry["address"].startswith("http://127.0.0.1:")
            play.main.fault = "ok"
            token = tokens.mint(tokens.secret(play.state), Bearer("other", "owl", "work"))
            async with play.client.post(play.url(Api.CHAT, token), json={"model": "m"}) as answer:
                assert answer.status == 200, "its own key is not limited"

    asyncio.run(check())


@pytest.mark.parametrize("down", ["hang", "start and silence", "pings"])
def test_nobody_waits_for_a_provider_that_may_still_be_down(tmp_path: Path, down: str) -> None:
    """The pause is over, and a request of our own finds out that nothing has changed."""

    async def check() -> None:
        plan = {"gateway": {"breaker_seconds": 0.3, "breaker_seconds_max": 0.3, "breaker_failures": 1}}
        async with playing(tmp_path, down, plan=plan) as play:
            assert b"spare-0" in (await play.ask(Api.MESSAGES, stream=True))[1]
            for _ in range(3):
                await until(lambda: play.breakers()[("main", "health")]["phase"] == "half-open")
                began = time.monotonic()
                assert b"spare-0" in (await play.ask(Api.MESSAGES, stream=True))[1]
                assert time.monotonic() - began < 0.6, "it waited for the provider that is down"
            probes = [json.loads(seen.body) for seen in play.main.requests[1:]]
            assert probes
            assert all(probe["max_tokens"] == 16 for probe in probes)
            play.main.fault = "ok"
            async with asyncio.timeout(TIME):
                while b"main-0" not in (await play.ask(Api.MESSAGES, stream=True))[1]:
                    await asyncio.sleep(0.05)

    asyncio.run(check())


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("fault", ["start and silence", "pings"])
def test_only_content_feeds_the_timers(tmp_path: Path, api: Api, fault: str) -> None:
    """A stream that begins and then brings nothing, or signs of life for ever, is taken from another provider."""

    async def check() -> None:
        async with playing(tmp_path, fault) as play:
            began = time.monotonic()
            assert b"spare-0" in (await play.ask(api, stream=True))[1]
            assert time.monotonic() - began < 3.0
            assert "no content within 0.8 s" in play.records()[0].faults[0]
            play.main.fault = f"{fault} mid"
        async with playing(tmp_path, f"{fault} mid", plan={"tiers": {"work": ["main:m"]}}) as play:
            began = time.monotonic()
            _, body = await play.ask(api, stream=True)
            assert b"main-0" in body
            assert b"incomplete" in body, "the API's own error ends it"
            assert time.monotonic() - began < 6.0

    asyncio.run(check())
