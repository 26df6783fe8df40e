"""Requests of the Gemini API."""

from __future__ import annotations

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
    Turn,
)
from agentdeck.core.formats.names import Names

_MODES: dict[str, ChoiceMode] = {"AUTO": "auto", "VALIDATED": "auto", "ANY": "any", "NONE": "none"}
_WORDS = {"auto": "AUTO", "any": "ANY", "none": "NONE", "tool": "ANY"}


def read(document: dict[str, Any]) -> Request:
    request = Request()
    system = reading.table(document.get("systemInstruction") or document.get("system_instruction"))
    request.system = [text for part in reading.tables(system.get("parts")) if (text := reading.text(part.get("text")))]
    _Contents(request).read(document)
    _read_tools(document, request)
    config = reading.table(document.get("generationConfig"))
    request.limit = reading.count(config.get("maxOutputTokens"))
    request.temperature = reading.number(config.get("temperature"))
    request.top_p = reading.number(config.get("topP"))
    request.stop = reading.texts(config.get("stopSequences"))
    if config.get("responseMimeType") == "application/json":
        wanted = reading.table(config.get("responseJsonSchema") or config.get("responseSchema"))
        request.schema = Schema(schemas.lower_types(wanted))
    _read_thinking(reading.table(config.get("thinkingConfig")), request)
    if reading.count(config.get("candidateCount")) > 1:
        request.impossible.append("candidateCount")
    if document.get("cachedContent"):
        request.impossible.append("cachedContent")
    request.left_out += fields.untold("gemini", document)
    request.left_out += fields.untold("gemini.generationConfig", config)
    request.left_out += fields.untold("gemini.thinkingConfig", reading.table(config.get("thinkingConfig")))
    return request


def _read_thinking(asked: dict[str, Any], request: Request) -> None:
    request.shows_thinking = asked.get("includeThoughts") is True
    request.effort = reading.text(asked.get("thinkingLevel")).lower()
    budget = reading.number(asked.get("thinkingBudget"))
    if not request.effort and budget is not None and budget >= 0:
        request.effort = thinking.effort_of_budget(int(budget)) if budget else "none"


class _Contents:
    """Reads the turns. Calls may have no ids: then a result belongs to the first open call of its name."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._calls = 0
        self._open: list[tuple[str, str]] = []

    def read(self, document: dict[str, Any]) -> None:
        for content in reading.tables(document.get("contents")):
            role = "assistant" if content.get("role") == "model" else "user"
            parts = [each for part in reading.tables(content.get("parts")) for each in self._part(part)]
            self._request.turns.append(Turn("assistant" if role == "assistant" else "user", tuple(parts)))

    def _part(self, part: dict[str, Any]) -> list[Part]:
        seal = reading.text(part.get("thoughtSignature"))
        self._request.left_out += fields.untold("gemini.part", part)
        if "functionCall" in part:
            call = reading.table(part["functionCall"])
            name = reading.text(call.get("name"))
            identity = reading.text(call.get("id")) or f"call_{self._calls}"
            self._calls += 1
            self._open.append((identity, name))
            found = Call(identity, name, reading.arguments_text(call.get("args")) or "{}")
            return [Thinking("", seal), found] if seal else [found]
        if "functionResponse" in part:
            return [self._result(reading.table(part["functionResponse"]))]
        if "inlineData" in part:
            data = reading.table(part["inlineData"])
            return [_media(reading.text(data.get("mimeType")), reading.text(data.get("data")))]
        text = reading.text(part.get("text"))
        if part.get("thought") is True:
            return [Thinking(text)] if text else []
        return [Text(text)] if text else []

    def _result(self, given: dict[str, Any]) -> Result:
        name, identity = reading.text(given.get("name")), reading.text(given.get("id"))
        known = next((each for each in self._open if each[0] == identity), None)
        known = known or next((each for each in self._open if each[1] == name), None)
        if known is not None:
            self._open.remove(known)
        response = reading.table(given.get("response"))
        failed = "error" in response and "output" not in response
        value = response.get("output", response.get("error", response))
        text = value if isinstance(value, str) else reading.compact(value)
        media = [reading.table(part.get("inlineData")) for part in reading.tables(given.get("parts"))]
        shown = [_media(reading.text(each.get("mimeType")), reading.text(each.get("data"))) for each in media if each]
        parts = (*([Text(text)] if text else []), *(each for each in shown if isinstance(each, Image | File)))
        return Result(known[0] if known else identity or name, parts, failed)


def _media(kind: str, data: str) -> Image | File | Audio:
    if kind.startswith("image/"):
        return Image(kind, data)
    return Audio(kind, data) if kind.startswith("audio/") else File(kind, data)


def _read_tools(document: dict[str, Any], request: Request) -> None:
    foreign: list[str] = []
    for tool in reading.tables(document.get("tools")):
        foreign += [kind for kind in tool if kind != "functionDeclarations"]
        for each in reading.tables(tool.get("functionDeclarations")):
            schema = reading.table(each.get("parametersJsonSchema"))
            schema = schema or schemas.lower_types(reading.table(each.get("parameters")))
            request.tools.append(Tool(reading.text(each.get("name")), reading.text(each.get("description")), schema))
    request.left_out += [f"tool {kind}" for kind in foreign]
    if foreign and not request.tools:
        request.impossible.append(f"tools: {foreign[0]}")
    outer = reading.table(document.get("toolConfig"))
    config = reading.table(outer.get("functionCallingConfig"))
    request.left_out += fields.untold("gemini.toolConfig", outer)
    request.left_out += fields.untold("gemini.functionCallingConfig", config)
    if (mode := reading.text(config.get("mode"))) in _MODES:
        allowed = reading.texts(config.get("allowedFunctionNames"))
        one = mode == "ANY" and len(allowed) == 1
        request.choice = Choice("tool", allowed[0]) if one else Choice(_MODES[mode])
        if len(allowed) > 1:
            request.left_out.append("allowedFunctionNames")


def write(request: Request, target: Dialect, tools: Names, left_out: list[str]) -> dict[str, Any]:
    spoken = turns.settled(fit.visible(request.turns, target, left_out))
    called = {
        part.id: tools.written(part.namespace, part.name) for t in spoken for part in t.parts if isinstance(part, Call)
    }
    document: dict[str, Any] = {"contents": [_content(turn, target, tools, called) for turn in spoken]}
    if system := turns.system_text(request):
        document["systemInstruction"] = {"parts": [{"text": system}]}
    if tools.tools:
        declared = [_tool(name, tool) for name, tool in tools.tools.items()]
        document["tools"] = [{"functionDeclarations": declared}]
        if request.choice is not None:
            document["toolConfig"] = {"functionCallingConfig": _choice(request.choice, tools)}
    config: dict[str, Any] = {}
    if limit := fit.limit(request, target):
        config["maxOutputTokens"] = limit
    warm, top_p = fit.sampling(request, target)
    config |= {key: value for key, value in (("temperature", warm), ("topP", top_p)) if value is not None}
    if stops := fit.stops(request, target, left_out):
        config["stopSequences"] = stops
    if request.schema is not None:
        config["responseMimeType"] = "application/json"
        if request.schema.schema:
            config["responseJsonSchema"] = schemas.for_gemini(request.schema.schema)
    if asked := _thinking(request, target):
        config["thinkingConfig"] = asked
    if config:
        document["generationConfig"] = config
    return document


def _thinking(request: Request, target: Dialect) -> dict[str, Any]:
    effort = thinking.nearest(request.effort, target.facts.efforts)
    asked: dict[str, Any] = {"includeThoughts": True} if request.shows_thinking and target.facts.thinking else {}
    if effort and target.facts.thinking == "adaptive":
        asked["thinkingLevel"] = effort.upper()
    elif effort and target.facts.thinking == "budget":
        asked["thinkingBudget"] = thinking.budget(effort)
    return asked


def _choice(choice: Choice, tools: Names) -> dict[str, Any]:
    if choice.mode != "tool":
        return {"mode": _WORDS[choice.mode]}
    if not tools.knows(choice):
        return {"mode": "AUTO"}
    return {"mode": "ANY", "allowedFunctionNames": [tools.written(choice.namespace, choice.name)]}


def _tool(name: str, tool: Tool) -> dict[str, Any]:
    if tool.kind == "custom":
        tool = names.wrapped(tool)
    schema = schemas.for_gemini(schemas.for_tool(tool.schema))
    return {"name": name, "description": tool.description, "parametersJsonSchema": schema}


def _content(turn: Turn, target: Dialect, tools: Names, called: dict[str, str]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    after: list[dict[str, Any]] = []
    seal, first = "", True
    for part in turn.parts:
        match part:
            case Thinking():
                seal = seals.own(part.seal, target.seal) or seal
            case Call():
                given = reading.arguments_table(names.arguments_of(part))
                call = {"name": tools.written(part.namespace, part.name), "args": given}
                # The first call of a step carries the seal of the thoughts before all of them.
                parts.append({"functionCall": call, **({"thoughtSignature": seal or seals.NO_SEAL} if first else {})})
                first = False
            case Result():
                response, pictures = _response(part, target, called.get(part.id, part.id))
                parts.append(response)
                after += pictures
            case _:
                parts += _plain(part)
    return {"role": "model" if turn.role == "assistant" else "user", "parts": [*parts, *after] or [{"text": "(empty)"}]}


def _response(result: Result, target: Dialect, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A result, and its pictures where the model wants them beside it."""
    text = turns.result_text(result)
    found: dict[str, Any] = {"name": name, "response": {"error" if result.failed else "output": text}}
    media = [each for part in result.parts if not isinstance(part, Text) for each in _plain(part)]
    if media and target.facts.thinking == "adaptive":
        return {"functionResponse": {**found, "parts": media}}, []
    return {"functionResponse": found}, media


def _plain(part: Part) -> list[dict[str, Any]]:
    match part:
        case Text(text):
            return [{"text": text}] if text else []
        case Image(media, data) | File(media, data) | Audio(media, data):
            return [{"inlineData": {"mimeType": media, "data": data}}]
    return []


def is_basic(document: dict[str, Any]) -> bool:
    """Nobody but Google speaks it."""
    del document
    return True
