"""What a request says, however its format spells it: one reader a format, that knows nothing of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from agentdeck.core.providers.apis import Api

Item = tuple[Any, ...]
"""`(role, text)`, `("call", id, name, arguments)` or `("result", id, text)`."""


def meaning(api: Api, document: dict[str, Any]) -> dict[str, Any]:
    """`spoken` is in order, the texts of one role joined; what is not said is left out."""
    found: dict[str, Any] = _READ[api](document)
    found["spoken"] = _joined(found["spoken"])
    return {key: value for key, value in found.items() if value not in (None, [], "")}


def _joined(items: Iterator[Item]) -> list[Item]:
    found: list[Item] = []
    for item in items:
        if found and len(item) == len(found[-1]) == 2 and item[0] == found[-1][0]:
            found[-1] = (item[0], f"{found[-1][1]}\n\n{item[1]}")
        elif item[-1] != "" or len(item) != 2:
            found.append(item)
    return found


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n\n".join(part["text"] for part in content or [])


def _chat(document: dict[str, Any]) -> dict[str, Any]:
    def spoken() -> Iterator[Item]:
        for message in document["messages"]:
            text = _text(message.get("content"))
            if message["role"] == "tool":
                yield "result", message["tool_call_id"], text
                continue
            yield "system" if message["role"] == "developer" else message["role"], text
            for call in message.get("tool_calls") or []:
                yield "call", call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])

    choice = document.get("tool_choice")
    return {
        "spoken": spoken(),
        "tools": [_tool(each["function"], "parameters") for each in document.get("tools", [])],
        "choice": choice["function"]["name"] if isinstance(choice, dict) else choice,
        "limit": document.get("max_completion_tokens") or document.get("max_tokens"),
        "warmth": document.get("temperature"),
        "stop": [stop] if isinstance(stop := document.get("stop"), str) else stop,
    }


def _messages(document: dict[str, Any]) -> dict[str, Any]:
    def spoken() -> Iterator[Item]:
        yield "system", _text(document.get("system"))
        for message in document["messages"]:
            content = message["content"]
            for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
                if block["type"] == "tool_use":
                    yield "call", block["id"], block["name"], block["input"]
                elif block["type"] == "tool_result":
                    yield "result", block["tool_use_id"], _text(block["content"])
                else:
                    yield message["role"], block["text"]

    choice = document.get("tool_choice") or {}
    return {
        "spoken": spoken(),
        "tools": [_tool(each, "input_schema") for each in document.get("tools", [])],
        "choice": choice.get("name") or {"any": "required"}.get(choice.get("type", ""), choice.get("type")),
        "limit": document.get("max_tokens"),
        "warmth": document.get("temperature"),
        "stop": document.get("stop_sequences"),
    }


def _responses(document: dict[str, Any]) -> dict[str, Any]:
    def spoken() -> Iterator[Item]:
        yield "system", document.get("instructions") or ""
        for item in document["input"]:
            if item.get("type") == "function_call":
                yield "call", item["call_id"], item["name"], json.loads(item["arguments"])
            elif item.get("type") == "function_call_output":
                yield "result", item["call_id"], _text(item["output"])
            else:
                yield "system" if item["role"] == "developer" else item["role"], _text(item["content"])

    choice = document.get("tool_choice")
    return {
        "spoken": spoken(),
        "tools": [_tool(each, "parameters") for each in document.get("tools", [])],
        "choice": choice["name"] if isinstance(choice, dict) else choice,
        "limit": document.get("max_output_tokens"),
        "warmth": document.get("temperature"),
    }


def _gemini(document: dict[str, Any]) -> dict[str, Any]:
    document = _camel(document)

    def spoken() -> Iterator[Item]:
        yield "system", _text(document.get("systemInstruction", {}).get("parts"))
        for content in document["contents"]:
            for part in content["parts"]:
                if call := part.get("functionCall"):
                    yield "call", call["name"], call["name"], call["args"]
                elif result := part.get("functionResponse"):
                    yield "result", result["name"], "\n\n".join(map(str, result["response"].values()))
                else:
                    yield "assistant" if content["role"] == "model" else "user", part["text"]

    config, wish = document.get("generationConfig", {}), document.get("toolConfig", {}).get("functionCallingConfig", {})
    named = wish.get("allowedFunctionNames")
    mode = {"ANY": "required"}.get(wish.get("mode", ""), wish.get("mode", "").lower())
    return {
        "spoken": spoken(),
        "tools": [
            _tool(each, "parametersJsonSchema" if "parametersJsonSchema" in each else "parameters")
            for tool in document.get("tools", [])
            for each in tool["functionDeclarations"]
        ],
        "choice": named[0] if named else mode,
        "limit": config.get("maxOutputTokens"),
        "warmth": config.get("temperature"),
        "stop": config.get("stopSequences"),
    }


def _camel(value: Any) -> Any:
    """`value` with the field names of the documentation: the server takes `max_output_tokens` as well."""
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = {"args", "response", "parameters", "parametersJsonSchema", "parameters_json_schema"}
    found = {}
    for key, each in value.items():
        first, *rest = key.split("_")
        found[first + "".join(word.title() for word in rest)] = each if key in named else _camel(each)
    return found


def _tool(tool: dict[str, Any], schema: str) -> Item:
    return tool["name"], tool.get("description", ""), json.dumps(tool.get(schema), sort_keys=True)


_READ: dict[Api, Callable[[dict[str, Any]], dict[str, Any]]] = {
    Api.CHAT: _chat,
    Api.MESSAGES: _messages,
    Api.RESPONSES: _responses,
    Api.GEMINI: _gemini,
}
