"""Requests of the OpenAI Responses API, and what Codex puts into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentdeck.core.formats import fields, fit, names, reading, schemas, seals, thinking, turns
from agentdeck.core.formats.ir import (
    Audio,
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
    ToolKind,
    Turn,
)
from agentdeck.core.formats.names import Names

_STATE = ("previous_response_id", "conversation", "background", "prompt")
"""What only the provider that keeps the conversation can follow."""
_CHOICES: dict[str, ChoiceMode] = {"auto": "auto", "required": "any", "none": "none"}
_WORDS = {"auto": "auto", "any": "required", "none": "none"}
_SHELL = {
    "type": "object",
    "properties": {
        "command": {"type": "array", "items": {"type": "string"}},
        "workdir": {"type": "string"},
        "timeout_ms": {"type": "number"},
    },
    "required": ["command"],
}
_BASIC_ITEMS = frozenset({"message", "function_call", "function_call_output"})


def read(document: dict[str, Any]) -> Request:
    request = Request(stream=document.get("stream") is True)
    request.impossible += [field for field in _STATE if document.get(field)]
    if instructions := reading.text(document.get("instructions")):
        request.system.append(instructions)
    given = document.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else reading.tables(given)
    _read_tools(reading.tables(document.get("tools")), request)
    for item in items:
        _read_item(item, request)
    _read_choice(document, request)
    reasoning = reading.table(document.get("reasoning"))
    effort = reading.text(reasoning.get("effort"))
    request.effort = "max" if effort == "ultra" else effort
    request.shows_thinking = bool(reasoning.get("summary"))
    request.limit = reading.count(document.get("max_output_tokens"))
    request.temperature = reading.number(document.get("temperature"))
    request.top_p = reading.number(document.get("top_p"))
    request.schema = _schema(reading.table(reading.table(document.get("text")).get("format")))
    request.left_out += fields.untold("responses", document)
    request.left_out += fields.untold("responses.reasoning", reasoning)
    request.left_out += fields.untold("responses.text", reading.table(document.get("text")))
    return request


def _schema(wanted: dict[str, Any]) -> Schema | None:
    if wanted.get("type") == "json_object":
        return Schema({})
    if wanted.get("type") != "json_schema":
        return None
    name = reading.text(wanted.get("name")) or "answer"
    return Schema(reading.table(wanted.get("schema")), name, wanted.get("strict") is True)


def _read_item(item: dict[str, Any], request: Request) -> None:
    kind = reading.text(item.get("type")) or ("message" if "role" in item else "item_reference")
    if kind == "message":
        _read_message(item, request)
    elif kind == "reasoning":
        texts = [*reading.tables(item.get("summary")), *reading.tables(item.get("content"))]
        text = "\n\n".join(reading.text(each.get("text")) for each in texts)
        seal = reading.text(item.get("encrypted_content"))
        request.turns.append(Turn("assistant", (Thinking(text, seal),)))
    elif kind in ("function_call", "custom_tool_call", "local_shell_call"):
        request.turns.append(Turn("assistant", (_call(kind, item),)))
    elif kind in ("function_call_output", "custom_tool_call_output", "local_shell_call_output"):
        output = item.get("output")
        parts = [Text(output)] if isinstance(output, str) else _parts(output, request)
        shown = tuple(part for part in parts if isinstance(part, Text | Image | File))
        identity = reading.text(item.get("call_id")) or reading.text(item.get("id"))  # a shell's has no `call_id`
        request.turns.append(Turn("user", (Result(identity, shown),)))
    elif kind == "additional_tools":
        _read_tools(reading.tables(item.get("tools")), request)
    elif kind.startswith("compaction") or kind == "item_reference":
        # It is the past itself, and nobody but its provider can read it.
        request.impossible.append(f"input: {kind}")
    else:
        request.left_out.append(kind)


def _read_message(item: dict[str, Any], request: Request) -> None:
    role, content = item.get("role"), item.get("content")
    parts = [Text(content)] if isinstance(content, str) else _parts(content, request)
    parts = [part for part in parts if part != Text("")]
    if role in ("system", "developer"):
        if any(turn.role == "user" for turn in request.turns):
            request.turns.append(Turn("system", tuple(parts)))
        else:
            request.system += [part.text for part in parts if isinstance(part, Text)]
    else:
        request.turns.append(Turn("assistant" if role == "assistant" else "user", tuple(parts)))


def _parts(content: Any, request: Request) -> list[Part]:
    found: list[Part] = []
    for part in reading.tables(content):
        kind = reading.text(part.get("type"))
        if kind in ("input_text", "output_text", "text", "refusal", "summary_text"):
            found.append(Text(reading.text(part.get("text")) or reading.text(part.get("refusal"))))
        elif kind == "input_image":
            url = reading.text(part.get("image_url"))
            media, data = reading.data_url(url)
            if url:
                found.append(Image(media, data, "" if data else url))
            else:
                request.left_out.append("image kept at the provider")
        elif kind == "input_file":
            media, data = reading.data_url(reading.text(part.get("file_data")))
            url, name = reading.text(part.get("file_url")), reading.text(part.get("filename"))
            found.append(File(media or "application/pdf", data, url, name))
        elif kind == "input_audio":
            inner = reading.table(part.get("input_audio"))
            found.append(Audio(f"audio/{reading.text(inner.get('format'))}", reading.text(inner.get("data"))))
        else:
            request.left_out.append(kind or "a part without a type")
    return found


def _call(kind: str, item: dict[str, Any]) -> Call:
    identity, name = reading.text(item.get("call_id")), reading.text(item.get("name"))
    space = reading.text(item.get("namespace"))
    if kind == "custom_tool_call":
        return Call(identity, name, reading.text(item.get("input")), "custom", space)
    if kind == "local_shell_call":
        action = reading.table(item.get("action"))
        keys = {"command": "command", "working_directory": "workdir", "timeout_ms": "timeout_ms"}
        given = {written: action[key] for key, written in keys.items() if action.get(key) is not None}
        return Call(identity, "local_shell", reading.compact(given))
    return Call(identity, name, reading.arguments_text(item.get("arguments")) or "{}", namespace=space)


def _read_tools(tools: Sequence[dict[str, Any]], request: Request, namespace: str = "") -> None:
    foreign = []
    for tool in tools:
        kind, name = reading.text(tool.get("type")), reading.text(tool.get("name"))
        about = reading.text(tool.get("description"))
        if kind == "function":
            request.tools.append(Tool(name, about, reading.table(tool.get("parameters")), namespace=namespace))
        elif kind == "custom":
            form = reading.table(tool.get("format"))
            grammar: dict[str, Any] = {key: form[key] for key in ("syntax", "definition") if key in form}
            request.tools.append(Tool(name, about, kind="custom", namespace=namespace, grammar=grammar or None))
        elif kind == "namespace":
            _read_tools(reading.tables(tool.get("tools")), request, name)
        elif kind == "local_shell":
            request.tools.append(Tool("local_shell", "Run a command.", _SHELL, "local_shell"))
        elif kind.startswith("web_search") and tool.get("external_web_access") is False:
            continue
        else:
            foreign.append(kind)
    request.left_out += [f"tool {kind}" for kind in foreign]
    if foreign and not request.tools and not namespace:
        request.impossible.append(f"tools: {foreign[0]}")


def _read_choice(document: dict[str, Any], request: Request) -> None:
    choice = document.get("tool_choice")
    if isinstance(choice, str) and choice in _CHOICES:
        request.choice = Choice(_CHOICES[choice])
    elif isinstance(choice, dict):
        if choice.get("type") in ("function", "custom"):
            space = reading.text(choice.get("namespace"))
            request.choice = Choice("tool", reading.text(choice.get("name")), space)
        elif choice.get("type") == "allowed_tools":
            request.choice = Choice(_CHOICES.get(reading.text(choice.get("mode")), "auto"))
            request.left_out.append("tool_choice: allowed_tools")
        else:
            request.impossible.append(f"tool_choice: {reading.text(choice.get('type'))}")
    if isinstance(parallel := document.get("parallel_tool_calls"), bool):
        request.parallel = parallel


def write(request: Request, target: Dialect, tools: Names, left_out: list[str]) -> dict[str, Any]:
    spoken = turns.settled(fit.visible(request.turns, target, left_out))
    document: dict[str, Any] = {"model": target.model}
    if system := turns.system_text(request):
        document["instructions"] = system
    kinds = {part.id: part.kind for turn in spoken for part in turn.parts if isinstance(part, Call)}
    document["input"] = [item for turn in spoken for item in _items(turn, target, tools, kinds)]
    if tools.tools:
        document["tools"] = [_tool(name, tool, target) for name, tool in tools.tools.items()]
        if request.choice is not None:
            document["tool_choice"] = _choice(request.choice, tools)
        if request.parallel is not None:
            document["parallel_tool_calls"] = request.parallel
    if limit := fit.limit(request, target):
        document["max_output_tokens"] = limit
    if effort := thinking.nearest(request.effort, target.facts.efforts):
        document["reasoning"] = {"effort": effort, **({"summary": "auto"} if request.shows_thinking else {})}
    warm, top_p = fit.sampling(request, target)
    document |= {key: value for key, value in (("temperature", warm), ("top_p", top_p)) if value is not None}
    fit.stops(request, target, left_out)
    if request.schema is not None:
        document["text"] = {"format": _format(request.schema)}
    document["stream"] = request.stream
    if target.full:
        document |= {"store": False, "include": ["reasoning.encrypted_content"]}
    return document


def _format(wanted: Schema) -> dict[str, Any]:
    if not wanted.schema:
        return {"type": "json_object"}
    return {"type": "json_schema", "name": wanted.name, "schema": wanted.schema, "strict": wanted.strict}


def _choice(choice: Choice, tools: Names) -> Any:
    if choice.mode != "tool":
        return _WORDS[choice.mode]
    if not tools.knows(choice):
        return "auto"
    return {"type": "function", "name": tools.written(choice.namespace, choice.name)}


def _tool(name: str, tool: Tool, target: Dialect) -> dict[str, Any]:
    about = {"description": tool.description} if tool.description else {}
    if tool.kind == "custom" and target.custom_tools:
        form = {"type": "grammar", **tool.grammar} if tool.grammar else {"type": "text"}
        return {"type": "custom", "name": name, **about, "format": form}
    if tool.kind == "custom":
        tool = names.wrapped(tool)
        about = {"description": tool.description}
    return {"type": "function", "name": name, **about, "parameters": schemas.for_tool(tool.schema), "strict": False}


def _items(turn: Turn, target: Dialect, tools: Names, kinds: dict[str, ToolKind]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, Text | Image | File | Audio):
            if shown := _part(part, turn.role):
                said.append(shown)
            continue
        if said:
            found.append({"type": "message", "role": turn.role, "content": said})
            said = []
        if isinstance(part, Thinking):
            if seal := seals.own(part.seal, target.seal):
                found.append({"type": "reasoning", "summary": [], "encrypted_content": seal})
        elif isinstance(part, Call):
            found.append(_call_item(part, target, tools))
        else:
            found.append(_output_item(part, custom=target.custom_tools and kinds.get(part.id) == "custom"))
    return [*found, {"type": "message", "role": turn.role, "content": said}] if said else found


def _part(part: Part, role: str) -> dict[str, Any] | None:
    match part:
        case Text(text):
            return {"type": "output_text" if role == "assistant" else "input_text", "text": text} if text else None
        case Image(media, data, url):
            return {"type": "input_image", "image_url": f"data:{media};base64,{data}" if data else url}
        case File(media, data, _, name):
            return {
                "type": "input_file",
                "filename": name or "document.pdf",
                "file_data": f"data:{media};base64,{data}",
            }
    return None


def _call_item(call: Call, target: Dialect, tools: Names) -> dict[str, Any]:
    identity, name = names.safe_id(call.id), tools.written(call.namespace, call.name)
    if call.kind == "custom" and target.custom_tools:
        return {"type": "custom_tool_call", "call_id": identity, "name": name, "input": call.arguments}
    given = names.arguments_of(call)
    return {"type": "function_call", "call_id": identity, "name": name, "arguments": given}


def _output_item(result: Result, *, custom: bool) -> dict[str, Any]:
    output: Any = turns.failed_text(result)
    if any(not isinstance(part, Text) for part in result.parts):
        shown = [_part(part, "user") for part in result.parts if not isinstance(part, Text)]
        output = [{"type": "input_text", "text": output}] if output else []
        output += [part for part in shown if part]
    kind = "custom_tool_call_output" if custom else "function_call_output"
    return {"type": kind, "call_id": names.safe_id(result.id), "output": output}


def is_basic(document: dict[str, Any]) -> bool:
    """Whether a server that knows only the basics of the format understands the request as it is."""
    if any(tool.get("type") != "function" for tool in reading.tables(document.get("tools"))):
        return False
    items = reading.tables(document.get("input"))
    return all((item.get("type") or "message") in _BASIC_ITEMS and "namespace" not in item for item in items)
