"""The official clients of Anthropic, OpenAI and Google read every answer, whatever format the provider speaks.

`make test-clients` installs them; without them these tests are skipped.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.providers.apis import Api
from tests.gateway.upstream import playing
from tests.support.strict_model import END, strict_model

SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}}
Called = list[tuple[str, Any]]


def library(name: str) -> Any:
    pytest.importorskip(name)
    return importlib.import_module(name)


async def anthropic(url: str, *, tools: bool, stream: bool) -> tuple[str, Called]:
    client = library("anthropic").AsyncAnthropic(base_url=url, api_key="agentdeck", max_retries=0)
    given: dict[str, Any] = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Go."}]}
    if tools:
        given["tools"] = [{"name": "Bash", "input_schema": SCHEMA}]
    if stream:
        async with client.messages.stream(**given) as events:
            message = await events.get_final_message()
    else:
        message = await client.messages.create(**given)
    assert message.stop_reason == ("tool_use" if tools else "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 5)
    text = "".join(block.text for block in message.content if block.type == "text")
    return text, [(block.name, block.input) for block in message.content if block.type == "tool_use"]


async def openai_chat(url: str, *, tools: bool, stream: bool) -> tuple[str, Called]:
    client = library("openai").AsyncOpenAI(base_url=f"{url}/v1", api_key="agentdeck", max_retries=0)
    given: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Go."}]}
    if tools:
        given["tools"] = [{"type": "function", "function": {"name": "Bash", "parameters": SCHEMA}}]
    if stream:
        async with client.chat.completions.stream(**given, stream_options={"include_usage": True}) as events:
            async for _ in events:
                pass
            done = await events.get_final_completion()
    else:
        done = await client.chat.completions.create(**given)
    choice = done.choices[0]
    assert choice.finish_reason == ("tool_calls" if tools else "stop")
    assert done.usage.total_tokens == 15
    calls = choice.message.tool_calls or []
    return choice.message.content or "", [(c.function.name, json.loads(c.function.arguments)) for c in calls]


async def openai_responses(url: str, *, tools: bool, stream: bool) -> tuple[str, Called]:
    client = library("openai").AsyncOpenAI(base_url=f"{url}/v1", api_key="agentdeck", max_retries=0)
    given: dict[str, Any] = {"model": "m", "input": [{"role": "user", "content": "Go."}]}
    if tools:
        given["tools"] = [{"type": "function", "name": "Bash", "parameters": SCHEMA, "strict": False}]
    if stream:
        async with client.responses.stream(**given) as events:
            async for _ in events:
                pass
            done = await events.get_final_response()
    else:
        done = await client.responses.create(**given)
    assert done.usage.total_tokens == 15
    calls = [item for item in done.output if item.type == "function_call"]
    return done.output_text, [(call.name, json.loads(call.arguments)) for call in calls]


async def google(url: str, *, tools: bool, stream: bool) -> tuple[str, Called]:
    client = library("google.genai").Client(api_key="agentdeck", http_options={"base_url": url})
    config = (
        {"tools": [{"function_declarations": [{"name": "Bash", "parameters_json_schema": SCHEMA}]}]} if tools else {}
    )
    given = {"model": "m", "contents": "Go.", "config": {**config, "automatic_function_calling": {"disable": True}}}
    if stream:
        answers = [answer async for answer in await client.aio.models.generate_content_stream(**given)]
    else:
        answers = [await client.aio.models.generate_content(**given)]
    parts = [part for answer in answers for part in answer.candidates[0].content.parts or []]
    assert answers[-1].candidates[0].finish_reason.value == "STOP"
    assert answers[-1].usage_metadata.prompt_token_count == 10
    text = "".join(part.text for part in parts if part.text and not part.thought)
    return text, [(part.function_call.name, part.function_call.args) for part in parts if part.function_call]


CLIENTS: dict[str, Callable[..., Awaitable[tuple[str, Called]]]] = {
    "anthropic": anthropic,
    "openai chat": openai_chat,
    "openai responses": openai_responses,
    "google": google,
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("form", [api.value for api in Api])
@pytest.mark.parametrize("client", CLIENTS)
def test_an_official_client_reads_calls_and_texts(tmp_path: Path, client: str, form: str, stream: bool) -> None:
    async def check(url: str) -> None:
        path = "/v1beta" if form == "gemini" else "/v1"
        table = {"base_url": url + path, "apis": [form], "key_env": "MAIN_KEY"}
        plan = {"providers": {"strict": table}, "tiers": {"work": ["strict:backup"]}}
        async with playing(tmp_path, plan=plan) as play:
            root = f"http://127.0.0.1:{play.port}/{play.token}"
            ask = CLIENTS[client]
            text, calls = await ask(root, tools=True, stream=stream)
            assert (text, [name for name, _ in calls]) == ("", ["Bash", "Bash"])
            assert [given["command"] for _, given in calls][1] == "cat no-such-file; exit 3"
            assert await ask(root, tools=False, stream=stream) == (END, [])

    with strict_model(form, "strict") as (api, model):
        asyncio.run(check(api.url))
    assert model.refused == []
