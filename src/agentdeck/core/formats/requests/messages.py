"""Requests of the Anthropic Messages API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentdeck.core.formats import fields, fit, names, reading, schemas, seals, thinking, turns
from agentdeck.core.formats.ir import (
    Call,
    Choice,
    ChoiceMode,
    Dialect,
    File,
    Image,
    Part,
    Request,
    Result,
    Schema,
    Text,
    Thinking,
    Tool,
    Turn,
)
from agentdeck.core.formats.names import Names

_BILLING = "x-anthropic-billing-header:"
_JSON_ONLY = "Answer with a JSON object and nothing else."
_MODES: dict[str, ChoiceMode] = {"auto": "auto", "any": "any", "none": "none"}
_EPHEMERAL = {"cache_control": {"type": "ephemeral"}}
REDACTED = "redacted:"
"""Before the seal of a block that has no readable text."""


def read(document: dict[str, Any]) -> Request:
    request = Request(stream=document.get("stream") is True)
    for text in _system_texts(document.get("system")):
        request.system.append(text)
    _read_turns(document, request)
    _read_tools(document, request)
    _read_thinking(document, request)
    request.limit = reading.count(document.get("max_tokens"))
    request.temperature = reading.number(document.get("temperature"))
    request.top_p = reading.number(document.get("top_p"))
    request.stop = reading.texts(document.get("stop_sequences"))
    wanted = reading.table(reading.table(document.get("output_config")).get("format") or document.get("output_format"))
    if wanted.get("type") == "json_schema":
        request.schema = Schema(reading.table(wanted.get("schema")), strict=True)
    if document.get("mcp_servers"):
        request.impossible.append("mcp_servers")
    request.left_out += fields.untold("messages", document)
    request.left_out += fields.untold("messages.output_config", reading.table(document.get("output_config")))
    request.left_out += fields.untold("messages.thinking", reading.table(document.get("thinking")))
    return request


def _system_texts(value: Any) -> list[str]:
    blocks = [{"text": value}] if isinstance(value, str) else reading.tables(value)
    texts = [reading.text(block.get("text")) for block in blocks]
    # The header that Claude Code puts first changes with each request and defeats every cache of prompts.
    return [text for text in texts if text and not text.startswith(_BILLING)]


def _read_turns(document: dict[str, Any], request: Request) -> None:
    for message in reading.tables(document.get("messages")):
        role, content = message.get("role"), message.get("content")
        if role == "system":
            found = _system_texts(content)
            if request.turns:
                request.turns.append(Turn("system", tuple(Text(text) for text in found)))
            else:
                request.system += found
            continue
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else reading.tables(content)
        parts = [part for block in blocks for part in _part(block, request)]
        request.turns.append(Turn("assistant" if role == "assistant" else "user", tuple(parts)))


def _part(block: dict[str, Any], request: Request) -> list[Part]:
    kind = reading.text(block.get("type"))
    text = reading.text(block.get("text"))
    if kind == "text" or (kind == "compaction" and block.get("content")):
        text = text or reading.text(block.get("content"))
        return [Text(text)] if text else []
    if kind == "thinking":
        return [Thinking(reading.text(block.get("thinking")), reading.text(block.get("signature")))]
    if kind == "redacted_thinking":
        return [Thinking("", reading.text(block.get("data")))]
    if kind == "tool_use":
        given = reading.arguments_text(block.get("input"))
        return [Call(reading.text(block.get("id")), reading.text(block.get("name")), given or "{}")]
    if kind == "tool_result":
        content = block.get("content")
        inner = [{"type": "text", "text": content}] if isinstance(content, str) else reading.tables(content)
        parts = [part for each in inner for part in _part(each, request)]
        shown = tuple(part for part in parts if isinstance(part, Text | Image | File))
        return [Result(reading.text(block.get("tool_use_id")), shown, block.get("is_error") is True)]
    if kind in ("image", "document"):
        return _from_source(kind, block, request)
    if kind == "search_result":
        request.left_out += fields.untold("messages.search_result", block)
        found = f"{reading.text(block.get('title'))}\n{reading.text(block.get('source'))}".strip()
        return [*([Text(found)] if found else []), *_inner_texts(block, request)]
    request.left_out.append(kind or "a part without a type")
    return []


def _inner_texts(block: dict[str, Any], request: Request) -> list[Text]:
    inner = [part for each in reading.tables(block.get("content")) for part in _part(each, request)]
    return [part for part in inner if isinstance(part, Text)]


def _from_source(kind: str, block: dict[str, Any], request: Request) -> list[Part]:
    request.left_out += fields.untold(f"messages.{kind}", block)
    if about := reading.text(block.get("context")):
        return [Text(about), *_from_source(kind, {**block, "context": ""}, request)]
    source = reading.table(block.get("source"))
    how, data = source.get("type"), reading.text(source.get("data"))
    media, url = reading.text(source.get("media_type")), reading.text(source.get("url"))
    if kind == "image" and how in ("base64", "url"):
        return [Image(media, data, url)]
    if how == "text" and data:
        return [Text(data)]
    if how == "content":
        inner = source.get("content")
        return [Text(inner)] if isinstance(inner, str) else list(_inner_texts(source, request))
    if how in ("base64", "url"):
        return [File(media or "application/pdf", data, url, reading.text(block.get("title")))]
    request.left_out.append(f"{kind} kept at the provider")
    return []


def _read_tools(document: dict[str, Any], request: Request) -> None:
    foreign: list[str] = []
    for tool in reading.tables(document.get("tools")):
        kind, name = reading.text(tool.get("type")), reading.text(tool.get("name"))
        if kind not in ("", "custom"):
            foreign.append(name or kind)
            continue
        request.tools.append(Tool(name, reading.text(tool.get("description")), reading.table(tool.get("input_schema"))))
    request.left_out += [f"tool {name}" for name in foreign]
    if foreign and not request.tools:
        request.impossible.append(f"tools: {foreign[0]}")
    choice = reading.table(document.get("tool_choice"))
    mode = reading.text(choice.get("type"))
    if mode in _MODES:
        request.choice = Choice(_MODES[mode])
    elif mode == "tool":
        request.choice = Choice("tool", reading.text(choice.get("name")))
        if request.choice.name in foreign:
            request.impossible.append(f"tool_choice: {request.choice.name}")
    if isinstance(single := choice.get("disable_parallel_tool_use"), bool):
        request.parallel = not single


def _read_thinking(document: dict[str, Any], request: Request) -> None:
    asked = reading.table(document.get("thinking"))
    kind = asked.get("type")
    effort = reading.text(reading.table(document.get("output_config")).get("effort"))
    if kind == "disabled":
        request.effort = "none"
        return
    if kind == "enabled" and not effort:
        effort = thinking.effort_of_budget(reading.count(asked.get("budget_tokens")))
    request.effort = effort if kind or effort else ""
    request.shows_thinking = kind in ("adaptive", "enabled") and asked.get("display") != "omitted"


def write(request: Request, target: Dialect, tools: Names, left_out: list[str]) -> dict[str, Any]:
    spoken = turns.settled(fit.visible(request.turns, target, left_out))
    document: dict[str, Any] = {"model": target.model, "max_tokens": fit.limit(request, target)}
    system: list[dict[str, Any]] = [{"type": "text", "text": text} for text in request.system]
    if request.schema is not None and not (request.schema.schema and target.full):
        system.append({"type": "text", "text": _json_instruction(request.schema)})
    if target.full and system:
        system[-1] |= _EPHEMERAL
    if system:
        document["system"] = system if target.full else "\n\n".join(each["text"] for each in system)
    document["messages"] = [_message(turn, target, tools) for turn in spoken]
    if tools.tools:
        document["tools"] = [_tool(name, tool) for name, tool in tools.tools.items()]
    forced = _write_choice(document, request, target, tools)
    warm, top_p = fit.sampling(request, target)
    thinks = _write_thinking(document, request, target, off=forced or turns.lost_thinking(spoken, target.seal))
    if warm is not None and not thinks:
        document["temperature"] = warm
    elif top_p is not None and not thinks:
        document["top_p"] = top_p
    if stops := fit.stops(request, target, left_out):
        document["stop_sequences"] = stops
    if request.schema is not None and request.schema.schema and target.full:
        output = document.setdefault("output_config", {})
        output["format"] = {"type": "json_schema", "schema": request.schema.schema}
    if target.full:
        document |= _EPHEMERAL
    document["stream"] = request.stream
    return document


def _json_instruction(wanted: Schema) -> str:
    return f"{_JSON_ONLY} Its schema:\n{reading.compact(wanted.schema)}" if wanted.schema else _JSON_ONLY


def _tool(name: str, tool: Tool) -> dict[str, Any]:
    if tool.kind != "function":
        tool = names.wrapped(tool)
    found: dict[str, Any] = {"name": name, "input_schema": schemas.for_tool(tool.schema)}
    return found | ({"description": tool.description} if tool.description else {})


def _write_choice(document: dict[str, Any], request: Request, target: Dialect, tools: Names) -> bool:
    """Say which tool is to be called; return whether one is forced."""
    if not tools.tools:
        return False
    choice = request.choice or Choice("auto")
    mode = choice.mode
    if mode in ("any", "tool") and not target.facts.forced_tools:
        mode = "auto"
    if mode == "tool" and not tools.knows(choice):
        mode = "auto"
    written: dict[str, Any] = {"type": mode}
    if mode == "tool":
        written["name"] = tools.written(choice.namespace, choice.name)
    if request.parallel is not None and mode in ("auto", "any"):
        written["disable_parallel_tool_use"] = not request.parallel
    if request.choice is not None or request.parallel is not None:
        document["tool_choice"] = written
    return mode in ("any", "tool")


def _write_thinking(document: dict[str, Any], request: Request, target: Dialect, *, off: bool) -> bool:
    """Say how much it is to think; return whether it does."""
    facts = target.facts
    effort = thinking.nearest(request.effort, facts.efforts)
    if not facts.thinking or not effort or request.effort == "none" or off:
        return False
    if facts.thinking == "adaptive":
        document["thinking"] = {"type": "adaptive"}
        document["output_config"] = {"effort": effort}
        return True
    most = document["max_tokens"] - 1
    tokens = min(max(thinking.budget(request.effort), thinking.SMALLEST_BUDGET), most)
    if tokens < thinking.SMALLEST_BUDGET:
        return False
    document["thinking"] = {"type": "enabled", "budget_tokens": tokens}
    return True


def _message(turn: Turn, target: Dialect, tools: Names) -> dict[str, Any]:
    blocks = [block for part in turn.parts for block in _block(part, target, tools)]
    return {"role": turn.role, "content": blocks or [{"type": "text", "text": "(empty)"}]}


def _block(part: Part, target: Dialect, tools: Names) -> list[dict[str, Any]]:
    match part:
        case Text(text):
            return [{"type": "text", "text": text}] if text.strip() else []
        case Image(media, data, url):
            source = {"type": "base64", "media_type": media, "data": data} if data else {"type": "url", "url": url}
            return [{"type": "image", "source": source}]
        case File(media, data):
            return [{"type": "document", "source": {"type": "base64", "media_type": media, "data": data}}]
        case Thinking(text, seal):
            return _thinking_block(text, seals.own(seal, target.seal))
        case Call():
            return [_call(part, tools)]
        case Result(identity, inner, failed):
            content = [block for each in inner for block in _block(each, target, tools)]
            block = {"type": "tool_result", "tool_use_id": names.safe_id(identity), "content": content or "(empty)"}
            return [block | ({"is_error": True} if failed else {})]
    return []


def _thinking_block(text: str, seal: str) -> list[dict[str, Any]]:
    if not seal:
        return []
    if seal.startswith(REDACTED):
        return [{"type": "redacted_thinking", "data": seal.removeprefix(REDACTED)}]
    return [{"type": "thinking", "thinking": text, "signature": seal}]


def _call(call: Call, tools: Names) -> dict[str, Any]:
    given = reading.arguments_table(call.arguments) if call.kind == "function" else {"input": call.arguments}
    name = tools.written(call.namespace, call.name)
    return {"type": "tool_use", "id": names.safe_id(call.id), "name": name, "input": given}


def is_basic(document: dict[str, Any]) -> bool:
    """Whether a server that knows only the basics of the format understands the request as it is."""
    if any(text.startswith(_BILLING) for text in _all_system_texts(document)):
        return False
    if any(reading.text(tool.get("type")) not in ("", "custom") for tool in reading.tables(document.get("tools"))):
        return False
    messages: Sequence[dict[str, Any]] = reading.tables(document.get("messages"))
    return all(_is_basic_message(message) for message in messages)


def _all_system_texts(document: dict[str, Any]) -> list[str]:
    value = document.get("system")
    blocks = [{"text": value}] if isinstance(value, str) else reading.tables(value)
    return [reading.text(block.get("text")) for block in blocks]


def _is_basic_message(message: dict[str, Any]) -> bool:
    if message.get("role") not in ("user", "assistant"):
        return False
    blocks = reading.tables(message.get("content"))
    known = all(block.get("type") in ("text", "image", "tool_use", "tool_result") for block in blocks)
    return known and not any(block.get("is_error") is True for block in blocks)
