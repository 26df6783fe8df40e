"""Nothing of a request is lost in silence: each field is read, or is known to change nothing, or is told of."""

from __future__ import annotations

import importlib
import re
import typing
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from agentdeck.core.formats import fields, translate
from agentdeck.core.formats.ir import Request
from agentdeck.core.providers.apis import Api

BARE: dict[Api, dict[str, Any]] = {
    Api.MESSAGES: {"messages": [{"role": "user", "content": "x"}]},
    Api.CHAT: {"messages": [{"role": "user", "content": "x"}]},
    Api.RESPONSES: {"input": "x"},
    Api.GEMINI: {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
}
FUNCTION: dict[Api, list[dict[str, Any]]] = {
    Api.MESSAGES: [{"name": "f", "input_schema": {}}],
    Api.CHAT: [{"type": "function", "function": {"name": "f"}}],
    Api.RESPONSES: [{"type": "function", "name": "f"}],
    Api.GEMINI: [{"functionDeclarations": [{"name": "f"}]}],
}
SET: dict[str, Any] = {
    "messages": [{"role": "user", "content": "y"}],
    "contents": [{"role": "user", "parts": [{"text": "y"}]}],
    "input": "y",
    "model": "",  # it is read by the gateway
    "system": "s",
    "instructions": "s",
    "systemInstruction": {"parts": [{"text": "s"}]},
    "max_tokens": 5,
    "max_completion_tokens": 5,
    "max_output_tokens": 5,
    "temperature": 0.5,
    "top_p": 0.5,
    "stop": "s",
    "stop_sequences": ["s"],
    "stream": True,
    "stream_options": {"include_usage": True},
    "thinking": {"type": "enabled", "budget_tokens": 2048},
    "reasoning": {"effort": "high"},
    "reasoning_effort": "high",
    "output_config": {"effort": "high"},
    "response_format": {"type": "json_object"},
    "text": {"format": {"type": "json_object"}},
    "parallel_tool_calls": False,
    "n": 2,
    "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
    "generationConfig": {"maxOutputTokens": 5},
}


def read(api: Api, more: dict[str, Any]) -> Request:
    request = translate.request_of(api, {**BARE[api], **more})
    request.left_out.sort()
    return request


def told(request: Request) -> list[str]:
    return [*request.left_out, *request.impossible]


@pytest.mark.parametrize(
    ("api", "more", "words"),
    [
        (Api.MESSAGES, {"fallbacks": ["x"], "top_k": 5, "container": "c"}, ["fallbacks"]),
        (
            Api.MESSAGES,
            {"output_config": {"effort": "low", "task_budget": {"n": 5}}},
            ["output_config.task_budget"],
        ),
        (Api.CHAT, {"seed": 5, "presence_penalty": 0, "logprobs": True, "verbosity": "low"}, ["logprobs", "seed"]),
        (Api.CHAT, {"modalities": ["text"], "web_search_options": {"x": 1}}, ["web_search_options"]),
        (Api.CHAT, {"functions": [{"name": "f"}]}, ["functions"]),
        (
            Api.CHAT,
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required"}}},
            ["tool_choice: allowed_tools"],
        ),
        (Api.RESPONSES, {"max_tool_calls": 3, "truncation": "auto", "store": False}, ["max_tool_calls"]),
        (Api.RESPONSES, {"tool_choice": {"type": "allowed_tools", "mode": "auto"}}, ["tool_choice: allowed_tools"]),
        (Api.RESPONSES, {"input": [{"id": "msg_1"}]}, ["input: item_reference"]),
        (Api.GEMINI, {"generationConfig": {"seed": 5, "topK": 64}}, ["generationConfig.seed"]),
        (
            Api.GEMINI,
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}}},
            ["allowedFunctionNames"],
        ),
        (Api.GEMINI, {"contents": [{"parts": [{"fileData": {"fileUri": "x"}}]}]}, ["part.fileData"]),
    ],
)
def test_what_is_neither_read_nor_without_effect_is_told(api: Api, more: dict[str, Any], words: list[str]) -> None:
    assert told(read(api, more)) == words


def test_what_stands_beside_a_document_is_read() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "body"}
    document = {"type": "document", "source": source, "context": "from the handbook"}
    result = {"type": "search_result", "title": "T", "source": "S", "content": [{"type": "text", "text": "found"}]}
    request = read(Api.MESSAGES, {"messages": [{"role": "user", "content": [document, result]}]})
    texts = [getattr(part, "text", "") for part in request.turns[0].parts]
    assert texts == ["from the handbook", "body", "T\nS", "found"]


def test_a_shells_result_finds_its_call() -> None:
    call = {"type": "local_shell_call", "call_id": "c1", "action": {"type": "exec", "command": ["ls"]}}
    result = {"type": "local_shell_call_output", "id": "c1", "output": "a"}
    request = read(Api.RESPONSES, {"input": [{"role": "user", "content": "x"}, call, result]})
    assert request.turns[-1].parts[0].id == "c1"  # type: ignore[union-attr]


# The fields of the official clients' own types, where these are installed: `make test-clients` does that.


def type_of(path: str) -> Any:
    module, _, name = path.rpartition(".")
    pytest.importorskip(module.partition(".")[0])
    if module.startswith("google"):
        pytest.importorskip("google.genai")
    return getattr(importlib.import_module(module), name)


def names_of(kind: Any) -> list[str]:
    if hasattr(kind, "model_fields"):
        return sorted(field.alias or name for name, field in kind.model_fields.items())
    return sorted(kind.__annotations__)


def kinds_of(union: Any) -> Iterable[str]:
    """The values of `type` of each type of a union."""
    for each in typing.get_args(union):
        if hasattr(each, "__annotations__"):
            hint = each.__annotations__.get("type")
            yield from re.findall(r"['\"]([a-z_0-9]+)['\"]", str(hint))
        else:
            yield from kinds_of(each)


OUTER = {
    "anthropic.types.message_create_params.MessageCreateParamsBase": Api.MESSAGES,
    "anthropic.types.beta.message_create_params.MessageCreateParamsBase": Api.MESSAGES,
    "openai.types.chat.completion_create_params.CompletionCreateParamsBase": Api.CHAT,
    "openai.types.responses.response_create_params.ResponseCreateParamsBase": Api.RESPONSES,
}


@pytest.mark.parametrize("path", OUTER)
def test_every_field_of_an_official_clients_request_is_read_or_told(path: str) -> None:
    api = OUTER[path]
    where = str(api)
    for name in names_of(type_of(path)):
        value = SET.get(name, FUNCTION[api] if name == "tools" else {"x": 1})
        more = {name: value}
        if name == "tool_choice":
            more = {"tools": FUNCTION[api], name: {"type": "any"} if api is Api.MESSAGES else "required"}
        found, before = read(api, more), read(api, {**more, name: None} if name == "tool_choice" else {})
        if name in fields.QUIET[where]:
            assert found == before, name
        elif name in fields.READ[where]:
            assert found != before or name == "model", f"{name} is said to be read"
        else:
            assert name in told(found), name


def said(part: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [part]}]}


INNER = {
    "google.genai.types.GenerationConfig": ("gemini.generationConfig", Api.GEMINI),
    "google.genai.types.Part": ("gemini.part", Api.GEMINI),
    "google.genai.types.FunctionCallingConfig": ("gemini.functionCallingConfig", Api.GEMINI),
    "google.genai.types.ThinkingConfig": ("gemini.thinkingConfig", Api.GEMINI),
    "anthropic.types.OutputConfigParam": ("messages.output_config", Api.MESSAGES),
    "anthropic.types.DocumentBlockParam": ("messages.document", Api.MESSAGES),
    "openai.types.shared_params.Reasoning": ("responses.reasoning", Api.RESPONSES),
    "openai.types.responses.ResponseTextConfigParam": ("responses.text", Api.RESPONSES),
    "openai.types.chat.ChatCompletionAssistantMessageParam": ("chat.message", Api.CHAT),
}


@pytest.mark.parametrize("path", INNER)
def test_every_inner_field_is_known_or_told(path: str) -> None:
    where, api = INNER[path]
    inner = where.partition(".")[2]
    for name in names_of(type_of(path)):
        if name in fields.READ[where] | fields.QUIET.get(where, frozenset()):
            continue
        given = {name: {"x": 1}}
        around: dict[str, dict[str, Any]] = {
            "gemini.part": {"contents": [{"parts": [given]}]},
            "gemini.thinkingConfig": {"generationConfig": {"thinkingConfig": given}},
            "gemini.functionCallingConfig": {"toolConfig": {"functionCallingConfig": given}},
            "messages.document": said({"type": "document", **given}),
            "chat.message": {"messages": [{"role": "assistant", "content": "x", **given}]},
        }
        more = around.get(where) or {inner: given}
        assert f"{inner}.{name}" in told(read(api, more)), name


KINDS: dict[str, tuple[Api, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "anthropic.types.ContentBlockParam": (Api.MESSAGES, said),
    "anthropic.types.ToolUnionParam": (Api.MESSAGES, lambda tool: {"tools": [{**tool, "name": "f"}]}),
    "openai.types.chat.ChatCompletionContentPartParam": (Api.CHAT, said),
    "openai.types.responses.ResponseInputItemParam": (
        Api.RESPONSES,
        lambda item: {"input": [{**item, "role": "user"}]},
    ),
    "openai.types.responses.ToolParam": (Api.RESPONSES, lambda tool: {"tools": [tool]}),
}
WITH_NOTHING_IN_IT = {"text", "input_text", "message", "additional_tools", "search_result", "namespace"}


@pytest.mark.parametrize("path", KINDS)
def test_every_kind_of_part_and_tool_is_read_or_told(path: str) -> None:
    api, make = KINDS[path]
    kinds = sorted(set(kinds_of(type_of(path))))
    assert len(kinds) > 2, "the client's types are read"
    for kind in kinds:
        request = read(api, make({"type": kind}))
        parts = [part for turn in request.turns for part in turn.parts]
        assert told(request) or request.tools or parts or kind in WITH_NOTHING_IN_IT, kind


def test_every_tool_of_gemini_is_read_or_told() -> None:
    for name in names_of(type_of("google.genai.types.Tool")):
        request = read(Api.GEMINI, {"tools": [{name: [{"name": "f"}]}]})
        assert request.tools or told(request), name
