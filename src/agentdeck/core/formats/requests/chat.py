"""Requests of the OpenAI Chat Completions API."""

from __future__ import annotations

from typing import Any

from agentdeck.core.formats import fields, fit, names, reading, schemas, thinking, turns
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
    Turn,
)
from agentdeck.core.formats.names import Names

_CHOICES: dict[str, ChoiceMode] = {"auto": "auto", "required": "any", "none": "none"}
_WORDS = {"auto": "auto", "any": "required", "none": "none"}
_BELOW = "(image below)"


def read(document: dict[str, Any]) -> Request:
    request = Request(stream=document.get("stream") is True)
    request.counts_usage = reading.table(document.get("stream_options")).get("include_usage") is True
    for message in reading.tables(document.get("messages")):
        _read_message(message, request)
    _read_tools(document, request)
    request.effort = reading.text(document.get("reasoning_effort"))
    request.shows_thinking = bool(request.effort) and request.effort != "none"
    request.limit = reading.count(document.get("max_completion_tokens")) or reading.count(document.get("max_tokens"))
    request.temperature = reading.number(document.get("temperature"))
    request.top_p = reading.number(document.get("top_p"))
    request.stop = reading.texts(document.get("stop"))
    request.schema = _schema(reading.table(document.get("response_format")))
    if reading.count(document.get("n")) > 1:
        request.impossible.append("n")
    if document.get("functions"):
        request.impossible.append("functions")  # their calls and results have no ids
    request.left_out += fields.untold("chat", document)
    return request


def _schema(wanted: dict[str, Any]) -> Schema | None:
    if wanted.get("type") == "json_object":
        return Schema({})
    if wanted.get("type") != "json_schema":
        return None
    inner = reading.table(wanted.get("json_schema"))
    name = reading.text(inner.get("name")) or "answer"
    return Schema(reading.table(inner.get("schema")), name, inner.get("strict") is True)


def _read_message(message: dict[str, Any], request: Request) -> None:
    role, content = message.get("role"), message.get("content")
    parts = [Text(content)] if isinstance(content, str) else _parts(content, request)
    parts = [part for part in parts if part != Text("")]
    request.left_out += fields.untold("chat.message", message)
    if role in ("system", "developer"):
        if request.turns:
            request.turns.append(Turn("system", tuple(parts)))
        else:
            request.system += [part.text for part in parts if isinstance(part, Text)]
    elif role in ("tool", "function"):
        shown = tuple(part for part in parts if isinstance(part, Text | Image | File))
        request.turns.append(Turn("user", (Result(reading.text(message.get("tool_call_id")), shown),)))
    elif role == "assistant":
        thought = reading.text(message.get("reasoning_content")) or reading.text(message.get("reasoning"))
        before: list[Part] = [Thinking(thought)] if thought else []
        refusal = reading.text(message.get("refusal"))
        after = [*([Text(refusal)] if refusal else []), *_calls(message)]
        request.turns.append(Turn("assistant", (*before, *parts, *after)))
    else:
        request.turns.append(Turn("user", tuple(parts)))


def _calls(message: dict[str, Any]) -> list[Part]:
    found: list[Part] = []
    for call in reading.tables(message.get("tool_calls")):
        identity = reading.text(call.get("id"))
        if call.get("type") == "custom":
            inner = reading.table(call.get("custom"))
            found.append(Call(identity, reading.text(inner.get("name")), reading.text(inner.get("input")), "custom"))
        else:
            inner = reading.table(call.get("function"))
            given = reading.arguments_text(inner.get("arguments"))
            found.append(Call(identity, reading.text(inner.get("name")), given or "{}"))
    return found


def _parts(content: Any, request: Request) -> list[Part]:
    found: list[Part] = []
    for part in reading.tables(content):
        kind = reading.text(part.get("type"))
        if kind in ("text", "refusal"):
            found.append(Text(reading.text(part.get(kind))))
        elif kind == "image_url":
            inner = part.get("image_url")
            url = inner if isinstance(inner, str) else reading.text(reading.table(inner).get("url"))
            media, data = reading.data_url(url)
            found.append(Image(media, data, "" if data else url))
        elif kind == "file":
            inner = reading.table(part.get("file"))
            media, data = reading.data_url(reading.text(inner.get("file_data")))
            found.append(File(media or "application/pdf", data, "", reading.text(inner.get("filename"))))
        elif kind == "input_audio":
            inner = reading.table(part.get("input_audio"))
            found.append(Audio(f"audio/{reading.text(inner.get('format'))}", reading.text(inner.get("data"))))
        else:
            request.left_out.append(kind or "a part without a type")
    return found


def _read_tools(document: dict[str, Any], request: Request) -> None:
    for tool in reading.tables(document.get("tools")):
        kind = tool.get("type")
        inner = reading.table(tool.get(kind)) if isinstance(kind, str) else {}
        name, about = reading.text(inner.get("name")), reading.text(inner.get("description"))
        if kind == "function":
            request.tools.append(Tool(name, about, reading.table(inner.get("parameters"))))
        elif kind == "custom":
            grammar = reading.table(reading.table(inner.get("format")).get("grammar"))
            request.tools.append(Tool(name, about, kind="custom", grammar=grammar or None))
        else:
            request.left_out.append(f"tool {kind}")
            if len(reading.tables(document.get("tools"))) == 1:
                request.impossible.append(f"tools: {kind}")
    choice = document.get("tool_choice")
    if isinstance(choice, str) and choice in _CHOICES:
        request.choice = Choice(_CHOICES[choice])
    elif isinstance(choice, dict):
        inner = reading.table(choice.get("function") or choice.get("custom"))
        if name := reading.text(inner.get("name")):
            request.choice = Choice("tool", name)
        else:
            allowed = reading.text(reading.table(choice.get("allowed_tools")).get("mode"))
            request.choice = Choice(_CHOICES.get(allowed, "auto"))
            request.left_out.append("tool_choice: allowed_tools" if allowed else "tool_choice")
    if isinstance(parallel := document.get("parallel_tool_calls"), bool):
        request.parallel = parallel


def write(request: Request, target: Dialect, tools: Names, left_out: list[str]) -> dict[str, Any]:
    shown = fit.visible(request.turns, target, left_out)
    document: dict[str, Any] = {"model": target.model, "messages": _messages(request, shown, target, tools)}
    if tools.tools:
        document["tools"] = [_tool(name, tool, target) for name, tool in tools.tools.items()]
        if request.choice is not None:
            document["tool_choice"] = _choice(request.choice, tools)
        if request.parallel is not None:
            document["parallel_tool_calls"] = request.parallel
    if limit := fit.limit(request, target):
        document["max_completion_tokens" if target.full else "max_tokens"] = limit
    if effort := thinking.nearest(request.effort, target.facts.efforts):
        document["reasoning_effort"] = effort
    warm, top_p = fit.sampling(request, target)
    document |= {key: value for key, value in (("temperature", warm), ("top_p", top_p)) if value is not None}
    if stops := fit.stops(request, target, left_out):
        document["stop"] = stops
    if request.schema is not None:
        document["response_format"] = _response_format(request.schema)
    document["stream"] = request.stream
    if request.stream:
        document["stream_options"] = {"include_usage": True}
    return document


def _response_format(wanted: Schema) -> dict[str, Any]:
    if not wanted.schema:
        return {"type": "json_object"}
    inner = {"name": wanted.name, "schema": wanted.schema, "strict": wanted.strict}
    return {"type": "json_schema", "json_schema": inner}


def _choice(choice: Choice, tools: Names) -> Any:
    if choice.mode != "tool":
        return _WORDS[choice.mode]
    if not tools.knows(choice):
        return "auto"
    return {"type": "function", "function": {"name": tools.written(choice.namespace, choice.name)}}


def _tool(name: str, tool: Tool, target: Dialect) -> dict[str, Any]:
    if tool.kind == "custom" and target.custom_tools:
        custom: dict[str, Any] = {"name": name, "description": tool.description}
        if tool.grammar:
            custom["format"] = {"type": "grammar", "grammar": tool.grammar}
        return {"type": "custom", "custom": custom}
    if tool.kind == "custom":
        tool = names.wrapped(tool)
    function: dict[str, Any] = {"name": name, "parameters": schemas.for_tool(tool.schema)}
    return {"type": "function", "function": function | ({"description": tool.description} if tool.description else {})}


def _messages(request: Request, shown: list[Turn], target: Dialect, tools: Names) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if system := turns.system_text(request):
        found.append({"role": "system", "content": system})
    spoken = turns.settled(shown)
    loop = turns.loop_start(spoken)
    for at, turn in enumerate(spoken):
        if turn.role == "assistant":
            found.append(_assistant(turn, target, tools, in_loop=at >= loop))
        else:
            found += _user(turn)
    return found


def _assistant(turn: Turn, target: Dialect, tools: Names, *, in_loop: bool) -> dict[str, Any]:
    text = "".join(part.text for part in turn.parts if isinstance(part, Text))
    calls = [_call(part, target, tools) for part in turn.parts if isinstance(part, Call)]
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
    if calls:
        message["tool_calls"] = calls
    thought = "\n".join(part.text for part in turn.parts if isinstance(part, Thinking) and part.text)
    wanted = target.facts.reasoning
    if wanted == "wanted" or (thought and in_loop and (wanted == "kept" or target.local)):
        message["reasoning_content"] = thought
    return message


def _call(call: Call, target: Dialect, tools: Names) -> dict[str, Any]:
    identity, name = names.safe_id(call.id), tools.written(call.namespace, call.name)
    if call.kind == "custom" and target.custom_tools:
        return {"id": identity, "type": "custom", "custom": {"name": name, "input": call.arguments}}
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": names.arguments_of(call)}}


def _user(turn: Turn) -> list[dict[str, Any]]:
    """A message for each result, and then one with the pictures of all results and what the person wrote."""
    found: list[dict[str, Any]] = []
    after: list[dict[str, Any]] = []
    for part in turn.parts:
        if not isinstance(part, Result):
            after += _part(part)
            continue
        identity = names.safe_id(part.id)
        extra = [each for each in part.parts if not isinstance(each, Text)]
        text = turns.failed_text(part)
        if extra:
            text = f"{text}\n{_BELOW}".strip()
            after += [{"type": "text", "text": f"result of {identity}:"}, *(p for each in extra for p in _part(each))]
        found.append({"role": "tool", "tool_call_id": identity, "content": text or "(empty)"})
    if after and all(part["type"] == "text" for part in after):
        found.append({"role": "user", "content": "\n\n".join(part["text"] for part in after)})
    elif after:
        found.append({"role": "user", "content": after})
    return found


def _part(part: Part) -> list[dict[str, Any]]:
    match part:
        case Text(text):
            return [{"type": "text", "text": text}] if text else []
        case Image(media, data, url):
            return [{"type": "image_url", "image_url": {"url": f"data:{media};base64,{data}" if data else url}}]
        case File(media, data, _, name):
            inner = {"filename": name or "document.pdf", "file_data": f"data:{media};base64,{data}"}
            return [{"type": "file", "file": inner}]
        case Audio(media, data):
            return [{"type": "input_audio", "input_audio": {"data": data, "format": media.removeprefix("audio/")}}]
    return []


def is_basic(document: dict[str, Any]) -> bool:
    """Whether a server that knows only the basics of the format understands the request as it is."""
    kinds = {tool.get("type") for tool in reading.tables(document.get("tools"))}
    if not kinds <= {"function"}:
        return False
    messages = reading.tables(document.get("messages"))
    if any(message.get("role") not in ("system", "user", "assistant", "tool") for message in messages):
        return False
    if any(message.get("role") == "system" for message in messages[1:]):
        return False
    calls = [call for message in messages for call in reading.tables(message.get("tool_calls"))]
    return all(call.get("type", "function") == "function" for call in calls)
