"""Requests that go to a provider of another format: what it is asked, what the client gets, and how faults end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.formats import seals
from agentdeck.core.providers.apis import Api
from agentdeck.system.gateway import tokens
from tests.core.formats.samples import PICTURE
from tests.gateway.upstream import APIS, PATHS, TIMES, playing, usage_of

PAIRS = [(client, server) for client in APIS for server in APIS if client is not server]
ENDS = {Api.MESSAGES: b"event: error", Api.RESPONSES: b"response.failed", Api.CHAT: b'"finish_reason": "error"'}
TURN = [{"role": "user", "content": "Go."}]


def body_of(api: Api) -> dict[str, Any]:
    return {"input": "Go."} if api is Api.RESPONSES else {"messages": TURN}


def text_of(api: Api, body: bytes, *, stream: bool) -> str:
    """The text of an answer, as a client of the format reads it."""
    if not stream:
        document = json.loads(body)
        if api is Api.MESSAGES:
            return "".join(block["text"] for block in document["content"])
        if api is Api.CHAT:
            return str(document["choices"][0]["message"]["content"])
        return "".join(part["text"] for item in document["output"] for part in item["content"])
    found = ""
    for line in body.splitlines():
        if not line.startswith(b"data: {"):
            continue
        data = json.loads(line.removeprefix(b"data: "))
        if api is Api.MESSAGES:
            found += data.get("delta", {}).get("text", "")
        elif api is Api.CHAT:
            found += "".join(choice["delta"].get("content") or "" for choice in data["choices"])
        elif data["type"] == "response.output_text.delta":
            found += data["delta"]
    return found


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_an_agent_is_served_by_a_provider_of_another_format(
    tmp_path: Path, client: Api, server: Api, stream: bool
) -> None:
    async def check() -> None:
        async with playing(tmp_path, apis=[server.value]) as play:
            status, body = await play.ask(client, stream=stream, **body_of(client))
            assert status == 200
            assert text_of(client, body, stream=stream) == ("main-0 main-1 main-2 " if stream else "main-0 ")
            assert b"asked-model" in body
            assert b"big-model" not in body
            asked = play.main.requests[0]
            assert asked.path == PATHS[server]
            assert json.loads(asked.body)["model"] == "big-model"
            headers = {name.lower(): value for name, value in asked.headers.items()}
            assert headers["x-api-key"] == "sk-main-secret-1"
            assert ("anthropic-version" in headers) == (server is Api.MESSAGES)
            record = play.records()[0]
            assert (record.provider, record.model, record.outcome) == ("main", "big-model", "ok")
            assert record.usage.output == usage_of(server).get("output_tokens", 7)
            assert [event["kind"] for event in play.events()] == ["provider.translated"]

    asyncio.run(check())


@pytest.mark.parametrize("fault", ["503", "reset", "error first", "malformed", "hang", "error after start", "429"])
@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_a_fault_of_a_provider_of_another_format_leads_to_the_next(
    tmp_path: Path, client: Api, server: Api, fault: str
) -> None:
    async def check() -> None:
        async with playing(tmp_path, fault, apis=[server.value]) as play:
            status, body = await play.ask(client, stream=True, **body_of(client))
            assert status == 200
            assert "spare-0 " in text_of(client, body, stream=True)
            assert json.loads(play.spare.requests[0].body)["model"] == "small-model"

    asyncio.run(check())


@pytest.mark.parametrize("fault", ["error mid", "reset mid", "eof mid", "hang mid"])
@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_a_stream_that_breaks_ends_with_the_error_of_the_clients_format(
    tmp_path: Path, client: Api, server: Api, fault: str
) -> None:
    async def check() -> None:
        async with playing(tmp_path, fault, apis=[server.value]) as play:
            status, body = await play.ask(client, stream=True, **body_of(client))
            assert status == 200
            assert ENDS[client] in body
            for word in (b"message_stop", b"response.completed", b'"finish_reason": "stop"'):
                assert word not in body
            assert play.records()[0].outcome == "broken"

    asyncio.run(check())


@pytest.mark.parametrize(("client", "server"), [*((api, api) for api in APIS), *PAIRS[:2]])
def test_an_answer_ends_although_its_connection_stays_open(tmp_path: Path, client: Api, server: Api) -> None:
    async def check() -> None:
        times = {**TIMES, "idle": 60.0, "stalled": 60.0}
        async with playing(tmp_path, "open end", apis=[server.value], timeouts=times) as play, asyncio.timeout(10):
            _, body = await play.ask(client, stream=True, **body_of(client))
            assert ENDS[client] not in body
            assert play.records()[0].outcome == "ok"

    asyncio.run(check())


@pytest.mark.parametrize("server", [Api.MESSAGES, Api.CHAT])
def test_a_model_that_takes_no_pictures_is_sent_a_word_in_place_of_each(tmp_path: Path, server: Api) -> None:
    """llama.cpp says so with 500, as if it were down."""
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    content = [{"type": "text", "text": "Look."}, {"type": "image", "source": source}]

    async def check() -> None:
        async with playing(tmp_path, "blind", apis=[server.value], plan={"gateway": {"breaker_failures": 1}}) as play:
            for _ in range(2):
                status, body = await play.ask(
                    Api.MESSAGES, stream=True, messages=[{"role": "user", "content": content}], max_tokens=50
                )
                assert (status, b"main-0" in body) == (200, True)
            assert len(play.main.requests) == 3, "the second request asks at once without"
            assert b"[image left out: image/png]" in play.main.requests[-1].body
            assert "pictures refused" in play.records()[0].faults[0]
            assert not play.spare.requests

    asyncio.run(check())


@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_a_refusal_comes_in_the_clients_words(tmp_path: Path, client: Api, server: Api) -> None:
    async def check() -> None:
        async with playing(tmp_path, "400", apis=[server.value]) as play:
            status, body = await play.ask(client, stream=True, **body_of(client))
            assert status == 400
            error = json.loads(body)["error"]
            assert error["message"] == "no (from main)"
            assert (json.loads(body).get("type") == "error") == (client is Api.MESSAGES)
            assert not play.spare.requests

    asyncio.run(check())


def test_what_a_provider_can_not_be_asked_for_is_asked_of_the_next(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, apis=["chat"]) as play:
            search = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}
            status, _ = await play.ask(Api.MESSAGES, stream=True, messages=TURN, **search)
            assert (status, len(play.main.requests), len(play.spare.requests)) == (200, 0, 1)
            status, body = await play.ask(Api.MESSAGES, stream=True, messages=TURN, **search, model="only")
            assert status == 400
            assert "tools: web_search" in json.loads(body)["error"]["message"]

    asyncio.run(check())


def test_a_foreign_seal_is_taken_out_of_what_is_passed_through(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "503", apis=["chat"]) as play:
            foreign = seals.mark_of(Api.CHAT, "https://other.example") + "x"
            thought = {"type": "thinking", "thinking": "Hm.", "signature": foreign}
            own = {"type": "thinking", "thinking": "Oh.", "signature": "unmarked"}
            history = [*TURN, {"role": "assistant", "content": [thought, own, {"type": "text", "text": "Yes."}]}, *TURN]
            await play.ask(Api.MESSAGES, stream=True, messages=history)
            blocks = json.loads(play.spare.requests[0].body)["messages"][1]["content"]
            assert blocks == [own, {"type": "text", "text": "Yes."}]

    asyncio.run(check())


def test_only_what_is_more_than_basic_is_translated_for_a_server_of_the_basics(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, apis=["chat"], basic=["chat"]) as play:
            tool = {"type": "function", "function": {"name": "f", "parameters": {}}, "odd": 1}
            await play.ask(Api.CHAT, stream=True, messages=TURN, tools=[tool])
            assert json.loads(play.main.requests[0].body)["tools"] == [tool]
            custom = {"type": "custom", "custom": {"name": "apply_patch"}}
            await play.ask(Api.CHAT, stream=True, messages=TURN, tools=[tool, custom])
            kinds = {each["type"] for each in json.loads(play.main.requests[1].body)["tools"]}
            assert kinds == {"function"}

    asyncio.run(check())


def test_models_are_listed_in_the_clients_words(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, apis=["chat"]) as play:
            url = f"http://127.0.0.1:{play.port}/{play.token}/v1/models"
            async with play.client.get(url, headers={"anthropic-version": "2023-06-01"}) as answer:
                names = [each["id"] for each in (await answer.json())["data"]]
            assert names == ["big-model", "small-model"]

    asyncio.run(check())


def test_a_key_comes_from_a_command_and_anew_once_it_is_refused(tmp_path: Path) -> None:
    async def check() -> None:
        counter = tmp_path / "asked"
        command = f"echo x >> {counter}; echo printed-$(wc -l < {counter})"
        async with playing(tmp_path, key_env="", key_command=command) as play:
            for fault in ("ok", "401", "ok"):
                play.main.fault = fault
                await play.ask(Api.CHAT, stream=True, messages=TURN)
                play.gateway.board._breakers.clear()
            keys = [{k.lower(): v for k, v in seen.headers.items()}["x-api-key"] for seen in play.main.requests]
            assert keys == ["printed-1", "printed-1", "printed-2"]
            operator = tokens.mint(tokens.secret(play.state), tokens.OPERATOR)
            url = f"http://127.0.0.1:{play.port}/{operator}/check"
            for fault, key in (("ok", "printed-2"), ("401", "printed-2"), ("ok", "printed-3")):
                play.main.fault = fault
                async with play.client.post(url, json={"deck": "deck"}) as answer:
                    found = {each["provider"]: each["ok"] for each in (await answer.json())["targets"]}
                assert found["main"] is (fault == "ok")
                assert key in play.main.requests[-1].headers.values()

    asyncio.run(check())


@pytest.mark.parametrize(
    ("header", "sent", "key"),
    [
        ("authorization", "Bearer users-own", "Bearer users-own"),
        ("authorization", "Bearer agentdeck", "sk-main-secret-1"),
    ],
)
def test_a_login_of_the_agents_own_goes_first_and_a_key_stands_in_for_none(
    tmp_path: Path, header: str, sent: str, key: str
) -> None:
    async def check() -> None:
        async with playing(tmp_path, key_env="", login_key_env="MAIN_KEY") as play:
            body = {"model": "m", "messages": TURN}
            async with play.client.post(play.url(Api.CHAT), json=body, headers={header: sent}) as answer:
                assert answer.status == 200
            headers = {name.lower(): value for name, value in play.main.requests[0].headers.items()}
            assert headers.get("x-api-key", headers.get("authorization")) == key

    asyncio.run(check())


def test_an_agents_own_login_never_goes_to_a_provider_of_another_format(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, apis=["chat"], key_env="", login_key_env="UNSET") as play:
            body = {"model": "m", "messages": TURN}
            own = {"x-api-key": "users-own"}
            async with play.client.post(play.url(Api.MESSAGES), json=body, headers=own) as answer:
                assert answer.status == 200
            assert not play.main.requests
            assert "UNSET is not set" in play.records()[0].faults[0]

    asyncio.run(check())


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("server", APIS)
def test_gemini_cli_is_served_by_each_format(tmp_path: Path, server: Api, stream: bool) -> None:
    async def check() -> None:
        async with playing(tmp_path, apis=[server.value]) as play:
            root = f"http://127.0.0.1:{play.port}/{play.token}/v1beta/models/asked-model"
            body = {"contents": [{"role": "user", "parts": [{"text": "Go."}]}]}
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            async with play.client.post(f"{root}:{method}", json=body) as answer:
                assert answer.status == 200
                lines = (await answer.read()).splitlines()
            found = [json.loads(line.removeprefix(b"data: ")) for line in lines if line]
            parts = [part for each in found for part in each["candidates"][0]["content"]["parts"]]
            text = "".join(part["text"] for part in parts)
            assert text == ("main-0 main-1 main-2 " if stream else "main-0 ")
            assert found[-1]["candidates"][0]["finishReason"] == "STOP"
            assert play.records()[0].asked == "asked-model"
            async with play.client.post(f"{root}:countTokens", json=body) as answer:
                assert (await answer.json())["totalTokens"] > 0

    asyncio.run(check())
