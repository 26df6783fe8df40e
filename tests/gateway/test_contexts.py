"""A prompt that is larger than a model's context: who is asked, and in which words the client is told."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.providers import estimate
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.overflow import Overflow, overflow
from agentdeck.system.gateway import modelservers
from tests.gateway.upstream import PATHS, playing, served

CLAUDE_COMPACTS = re.compile(r"prompt is too long[^0-9]*(\d+)\s*tokens?\s*>\s*(\d+)")
"""What Claude Code looks for in an error."""


def text(tokens: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": "word " * tokens}]


@pytest.mark.parametrize("api", list(PATHS))
def test_a_backup_that_holds_too_little_is_passed_over(tmp_path: Path, api: Api) -> None:
    async def check() -> None:
        async with playing(tmp_path, contexts={"big-model": 2_000}) as play:
            body = {"messages": text(3_000)} if api is not Api.RESPONSES else {"input": text(3_000)}
            assert (await play.ask(api, stream=True, **body))[0] == 200
            assert play.main.requests == []
            assert "passed over: about" in play.records()[0].faults[0]
            skipped = [event for event in play.events() if event["kind"] == "provider.skipped"]
            assert [event["data"]["holds"] for event in skipped] == [2_000]
            await play.ask(api, stream=True, **body)
            assert len([event for event in play.events() if event["kind"] == "provider.skipped"]) == 1
            short = {"messages": text(10)} if api is not Api.RESPONSES else {"input": text(10)}
            await play.ask(api, stream=True, **short)
            assert len(play.main.requests) == 1

    asyncio.run(check())


@pytest.mark.parametrize("api", list(PATHS))
def test_who_fits_nowhere_is_told_the_largest_size_in_the_words_that_make_it_compact(tmp_path: Path, api: Api) -> None:
    async def check() -> None:
        plan = {"tiers": {"work": ["main:small", "main:large"]}}
        async with playing(tmp_path, plan=plan, contexts={"small": 2_000, "large": 2_500}) as play:
            body = {"messages": text(4_000)} if api is not Api.RESPONSES else {"input": text(4_000)}
            status, answer = await play.ask(api, stream=True, **body)
            error = json.loads(answer)["error"]
            assert (status, play.main.requests) == (400, [])
            assert "2500" in error["message"]
            if api is Api.MESSAGES:
                told = CLAUDE_COMPACTS.search(error["message"])
                assert told is not None
                assert int(told[1]) > int(told[2]) == 2_500
            else:
                assert error["code"] == "context_length_exceeded"

    asyncio.run(check())


def test_a_first_provider_that_is_limited_is_told_and_not_the_size_of_the_backup(tmp_path: Path) -> None:
    async def check() -> None:
        plan = {"tiers": {"work": ["main:large", "main:small"]}}
        async with playing(tmp_path, "429", plan=plan, contexts={"small": 2_000}) as play:
            status, answer = await play.ask(Api.MESSAGES, stream=True, messages=text(4_000))
            assert status == 429
            assert "rate limit" in json.loads(answer)["error"]["message"]
            assert "holds 2,000 tokens only" in json.loads(answer)["error"]["message"]

    asyncio.run(check())


def test_the_limit_of_the_answer_is_lowered_to_what_there_is_room_for(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, contexts={"big-model": 12_000}) as play:
            messages = text(1_000)
            assert (await play.ask(Api.MESSAGES, stream=True, messages=messages, max_tokens=64_000))[0] == 200
            sent = json.loads(play.main.requests[0].body)
            assert 8_192 <= sent["max_tokens"] <= 11_000
            assert sent["messages"] == messages

    asyncio.run(check())


def test_what_a_provider_says_of_its_size_is_learnt(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "too long") as play:
            status, answer = await play.ask(Api.MESSAGES, stream=True, messages=text(4_000))
            assert status == 400
            told = CLAUDE_COMPACTS.search(json.loads(answer)["error"]["message"])
            assert told is not None
            assert told[2] == "2048"
            assert play.breakers() == {}, "that says nothing of the provider's health"
            play.main.fault = "ok"
            assert b"spare-0" in (await play.ask(Api.MESSAGES, stream=True, messages=text(4_000)))[1]
            assert b"main-0" in (await play.ask(Api.MESSAGES, stream=True, messages=text(10)))[1]

    asyncio.run(check())


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("prompt is too long: 210000 tokens > 200000 maximum", Overflow(210_000, 200_000)),
        ("The input token count (5000) exceeds the maximum number of tokens allowed (4096).", Overflow(5_000, 4_096)),
        (
            "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens",
            Overflow(40_000, 32_768),
        ),
        (
            "This model's maximum prompt length is 131072 but the request contains 200000 tokens",
            Overflow(200_000, 131_072),
        ),
        ("Your input exceeds the context window of this model.", Overflow()),
        ("Input is too long for requested model", Overflow()),
        ("prompt token count of 70000 exceeds the limit of 64000", Overflow(70_000, 64_000)),
        ("tokens to keep from the initial prompt is greater than the context length", Overflow()),
        ("max_tokens: required", None),
        ("Rate limit reached: 30000 tokens per minute", None),
    ],
)
def test_too_long_in_each_providers_words(message: str, found: Overflow | None) -> None:
    assert overflow(set(), message) == found


def test_llama_cpp_says_it_by_a_code_and_two_numbers() -> None:
    raw = '{"error":{"code":400,"type":"exceed_context_size_error","n_prompt_tokens":4024,"n_ctx":2048}}'
    assert overflow({"400", "exceed_context_size_error"}, "", raw) == Overflow(4_024, 2_048)


@given(st.text(max_size=400), st.text(max_size=400))
def test_more_text_never_has_fewer_tokens_than_either_part(one: str, two: str) -> None:
    both = estimate.tokens(f"{one}\n{two}")
    assert both >= max(estimate.tokens(one), estimate.tokens(two)) - 1


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/props", {"default_generation_settings": {"n_ctx": 4096}}),
        ("/v1/models", {"data": [{"id": "m", "max_model_len": 4096}]}),
        ("/v1/models", {"data": [{"id": "other", "max_model_len": 1}, {"id": "m", "meta": {"n_ctx": 4096}}]}),
        ("/api/v0/models", {"data": [{"id": "m", "loaded_context_length": 4096, "max_context_length": 9}]}),
        ("/api/ps", {"models": [{"name": "m", "context_length": 4096}]}),
        ("/nothing", {}),
    ],
)
def test_each_local_server_says_its_size_in_a_place_of_its_own(path: str, document: dict[str, Any]) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(document) if request.path == path else web.Response(status=404)

    async def check() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        async with served(app) as port:
            found = await asyncio.to_thread(modelservers.context_of, f"http://127.0.0.1:{port}/v1", "m")
            assert found == (0 if path == "/nothing" else 4096)

    asyncio.run(check())
