"""What the official clients put together from our streams is what our documents say.

`make test-clients` installs the clients; without, these are skipped.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from agentdeck.core.formats.ir import Event
from agentdeck.core.providers.apis import Api
from tests.core.formats.test_laws import answers, told, written


def module(name: str) -> Any:
    pytest.importorskip(name.partition(".")[0])
    return importlib.import_module(name)


def of_anthropic(stream: list[dict[str, Any]]) -> dict[str, Any]:
    types, pydantic = module("anthropic.types"), module("pydantic")
    accumulate = module("anthropic.lib.streaming._messages").accumulate_event
    read = pydantic.TypeAdapter(types.RawMessageStreamEvent)
    snapshot: Any = None
    texts = dict[int, bytes]()
    for event in stream:
        snapshot = accumulate(event=read.validate_python(event), current_snapshot=snapshot, json_bufs=texts)
    return dict(snapshot.model_dump(mode="json", warnings=False))


def of_chat(stream: list[dict[str, Any]]) -> dict[str, Any]:
    types = module("openai.types.chat")
    state = module("openai.lib.streaming.chat").ChatCompletionStreamState()
    for event in stream:
        state.handle_chunk(types.ChatCompletionChunk.model_validate(event))
    return dict(state.current_completion_snapshot.model_dump(mode="json", warnings=False))


def of_responses(stream: list[dict[str, Any]]) -> dict[str, Any]:
    openai, pydantic = module("openai"), module("pydantic")
    read = pydantic.TypeAdapter(module("openai.types.responses").ResponseStreamEvent)
    state = module("openai.lib.streaming.responses._responses").ResponseStreamState(
        input_tools=openai.omit, text_format=openai.omit
    )
    ended: Any = None
    for event in stream:
        found = read.validate_python(event)
        state.handle_event(found)
        ended = getattr(found, "response", ended)
    return dict(ended.model_dump(mode="json", warnings=False))


def of_gemini(stream: list[dict[str, Any]]) -> list[dict[str, Any]]:
    read = module("google.genai.types").GenerateContentResponse.model_validate
    return [dict(read(event).model_dump(mode="json", by_alias=True, exclude_none=True)) for event in stream]


CLIENTS: dict[Api, Callable[[list[dict[str, Any]]], Any]] = {
    Api.MESSAGES: of_anthropic,
    Api.CHAT: of_chat,
    Api.RESPONSES: of_responses,
    Api.GEMINI: of_gemini,
}
NEEDS = {Api.MESSAGES: "anthropic", Api.CHAT: "openai", Api.RESPONSES: "openai", Api.GEMINI: "google.genai"}


@pytest.mark.parametrize("api", CLIENTS)
def test_the_client_finds_in_the_stream_what_the_document_says(api: Api) -> None:
    pytest.importorskip(NEEDS[api])

    @settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=30)
    @given(events=answers())
    def check(events: list[Event]) -> None:
        writer, stream = written(api, events)
        assert told(api, CLIENTS[api](stream)) == told(api, writer.document())

    check()
