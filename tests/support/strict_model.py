"""A model on loopback that speaks one format as strictly as its owner does, and works through a task of five steps.

The steps: two calls side by side of which one fails, a look at a picture, a free-form tool where the client has one, a
note, the end. What the real API would refuse is answered with 400 and kept in `refused`; what the model was shown is
kept in `seen`. `down` names steps at which the server says that it is overloaded.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.fake_api import ApiHandler, FakeApi, fake_api

PATCH = "*** Begin Patch\n*** Add File: patched.txt\n+patched\n*** End Patch\n"
PICTURE = "picture.png"
FOREIGN = ("`thinking` block", "could not be verified.", "not a valid thought_signature.")
"""Ends of refusals that are no mistake: a provider of the same format sealed it, and only this one can tell."""
END = "All four steps are done."


@dataclass
class Model:
    format: str
    name: str
    down: frozenset[int] = frozenset()
    cwd: str = ""
    """Where the client works: some tools want whole paths."""
    refused: list[str] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)
    """The steps that it answered."""

    @property
    def seal(self) -> str:
        return base64.b64encode(f"seal of {self.name}".encode()).decode()


Call = tuple[str, str, Any]
"""Id, name, arguments: an object, or the text of a free-form tool."""


@contextmanager
def strict_model(form: str, name: str, down: frozenset[int] = frozenset()) -> Iterator[tuple[FakeApi, Model]]:
    model = Model(form, name, down)

    class Handler(_Handler):
        pass

    Handler.model = model
    with fake_api(Handler) as api:
        yield api, model


class _Refused(Exception):
    pass


def _check(good: bool, what: str) -> None:
    if not good:
        raise _Refused(what)


class _Handler(ApiHandler):
    model: Model

    def _messages(self, body: dict[str, Any]) -> None:
        self._serve(body, _messages_seen, _messages_answer)

    def _chat(self, body: dict[str, Any]) -> None:
        self._serve(body, _chat_seen, _chat_answer)

    def _responses(self, body: dict[str, Any]) -> None:
        self._serve(body, _responses_seen, _responses_answer)

    def _gemini(self, body: dict[str, Any], *, stream: bool) -> None:
        self._serve({**body, "stream": stream}, _gemini_seen, _gemini_answer)

    def _serve(self, body: dict[str, Any], read: Any, write: Any) -> None:
        try:
            tools, results = read(body, self.model)
        except _Refused as refused:
            if not str(refused).endswith(FOREIGN):
                self.model.refused.append(str(refused))
            self._json(400, {"error": {"type": "invalid_request_error", "code": 400, "message": str(refused)}})
            return
        step = _step(results)
        if tools and step in self.model.down:
            self._json(503, {"error": {"type": "overloaded_error", "message": "busy"}})
            return
        if tools:
            self.model.steps.append(step)
        calls = _calls(step, tools, self.model.name, self.model.cwd) if tools else []
        events, whole = write(self.model, calls, "" if calls else END)
        if not body.get("stream"):
            self._json(200, whole)
        elif self.model.format in ("messages", "responses"):
            self._events(events)
        else:
            self._data(events, "[DONE]" if self.model.format == "chat" else "")


def _step(results: list[str]) -> int:
    """How far the task is, by the results that the history holds: the first step has two."""
    return max(len(results) - 1, 0)


def _calls(step: int, tools: dict[str, Any], name: str, cwd: str) -> list[Call]:
    def call(key: str, tool: str, given: Any) -> Call:
        return (f"{key}-{name}-{step}", tool, given)

    def shell(key: str, line: str) -> Call:
        for tool, given in {
            "Bash": {"command": line, "description": "Do it"},
            "exec_command": {"cmd": line},
            "shell_command": {"command": line},
            "shell": {"command": ["sh", "-c", line]},
            "bash": {"command": line, "description": "Do it"},
            "run_shell_command": {"command": line, "description": "Do it"},
        }.items():
            if tool in tools:
                return call(key, tool, given)
        script = f"text(JSON.stringify(await tools.exec_command({json.dumps({'cmd': line})})));"
        return call(key, "exec", script if tools.get("exec") == "custom" else {"input": script})

    if step == 0:
        return [shell("a", "printf 'made\\n' > made.txt"), shell("b", "cat no-such-file; exit 3")]
    if step == 1:
        lookers = {
            "Read": {"file_path": f"{cwd}/{PICTURE}"},
            "view_image": {"path": f"{cwd}/{PICTURE}"},
            "read_file": {"absolute_path": f"{cwd}/{PICTURE}", "file_path": f"{cwd}/{PICTURE}"},
            "read": {"filePath": f"{cwd}/{PICTURE}"},
            "view": {"path": f"{cwd}/{PICTURE}"},
        }
        found = [call("p", tool, given) for tool, given in lookers.items() if tool in tools]
        return found[:1] or [shell("p", "true")]
    if step == 2 and "apply_patch" in tools:
        return [call("f", "apply_patch", PATCH if tools["apply_patch"] == "custom" else {"input": PATCH})]
    lines = {2: "printf 'patched\\n' > patched.txt", 3: "printf 'noted\\n' > noted.txt"}
    return [shell("n", lines[step])] if step in lines else []


def _content_seen(model: Model, text: str, *, image: bool) -> None:
    if image:
        model.seen["picture"] = True
    if "no-such-file" in text:
        model.seen["failure"] = text


# Messages


def _messages_seen(body: dict[str, Any], model: Model) -> tuple[dict[str, Any], list[str]]:
    _check(isinstance(body.get("max_tokens"), int), "max_tokens: field required")
    tools = {tool["name"]: "function" for tool in body.get("tools", []) if "input_schema" in tool}
    results: list[str] = []
    open_calls: list[str] = []
    for at, message in enumerate(body["messages"]):
        # Anthropic's own API takes late instructions from its own client.
        _check(message["role"] in ("user", "assistant", "system"), f"messages.{at}: role {message['role']}")
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        given = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if message["role"] != "system":
            _check(
                sorted(given) == sorted(open_calls), f"messages.{at}: tool_use ids without tool_result: {open_calls}"
            )
            open_calls = []
        for block in blocks:
            _check(
                block["type"] != "text" or bool(block["text"]), f"messages.{at}: text content blocks must be non-empty"
            )
            if block["type"] == "thinking":
                _check(block["signature"] == model.seal, f"messages.{at}: Invalid `signature` in `thinking` block")
            if block["type"] == "image":
                _content_seen(model, "", image=True)
            if block["type"] == "tool_use":
                open_calls.append(block["id"])
                _check(isinstance(block["input"], dict), f"messages.{at}: input")
            if block["type"] == "tool_result":
                results.append(block["tool_use_id"])
                inner = block.get("content") or ""
                parts = inner if isinstance(inner, list) else [{"type": "text", "text": inner}]
                failed = "[is_error]" if block.get("is_error") else ""
                for part in parts:
                    _content_seen(model, failed + part.get("text", ""), image=part["type"] == "image")
    _check(not open_calls, "tool_use ids were found without tool_result blocks")
    return tools, results


def _messages_answer(model: Model, calls: list[Call], text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    content: list[dict[str, Any]] = [{"type": "thinking", "thinking": "I think.", "signature": model.seal}]
    content += [{"type": "tool_use", "id": i.replace("-", "_"), "name": n, "input": g} for i, n, g in calls]
    content += [{"type": "text", "text": text}] if text else []
    usage = {"input_tokens": 10, "output_tokens": 5}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    stop = "tool_use" if calls else "end_turn"
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**head, "content": [], "stop_reason": None, "usage": usage}}
    ]
    for at, block in enumerate(content):
        deltas: list[dict[str, Any]]
        empty: dict[str, Any]
        if block["type"] == "thinking":
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        elif block["type"] == "text":
            empty = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": text}]
        else:
            written = json.dumps(block["input"])
            empty = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in (written[:9], written[9:])]
        events.append({"type": "content_block_start", "index": at, "content_block": empty})
        events += [{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": at})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage})
    return [*events, {"type": "message_stop"}], {**head, "content": content, "stop_reason": stop, "usage": usage}


# Chat


def _chat_seen(body: dict[str, Any], model: Model) -> tuple[dict[str, Any], list[str]]:
    tools = {}
    for tool in body.get("tools", []):
        _check(tool["type"] in ("function", "custom"), f"Unsupported tool type {tool['type']}")
        tools[tool[tool["type"]]["name"]] = tool["type"]
    results: list[str] = []
    open_calls: list[str] = []
    for at, message in enumerate(body["messages"]):
        role, content = message["role"], message.get("content")
        _check(role in ("system", "developer", "user", "assistant", "tool"), f"messages.{at}: role {role}")
        if role == "tool":
            _check(message["tool_call_id"] in open_calls, f"messages.{at}: no such call")
            open_calls.remove(message["tool_call_id"])
            results.append(message["tool_call_id"])
        else:
            _check(not open_calls, f"messages.{at}: {open_calls} must be followed by tool messages")
        for call in message.get("tool_calls", []):
            _check(len(call["id"]) <= 64, f"messages.{at}: id")
            open_calls.append(call["id"])
            if call["type"] == "function":
                _check(isinstance(json.loads(call["function"]["arguments"]), dict), f"messages.{at}: arguments")
        parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
        for part in parts:
            _check(role != "tool" or part["type"] == "text", f"messages.{at}: only text in a tool message")
            _content_seen(model, part.get("text", ""), image=part["type"] == "image_url")
    _check(not open_calls, "calls without tool messages")
    return tools, results


def _chat_answer(model: Model, calls: list[Call], text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    head = {"id": "chat_1", "model": "m", "created": 1}
    made: list[dict[str, Any]] = []
    for identity, name, given in calls:
        if isinstance(given, str):
            made.append({"id": identity, "type": "custom", "custom": {"name": name, "input": given}})
        else:
            function = {"name": name, "arguments": json.dumps(given)}
            made.append({"id": identity, "type": "function", "function": function})
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, {"reasoning_content": "I think."}]
    for at, call in enumerate(made):
        deltas.append({"tool_calls": [{"index": at, **call}]})
    deltas += [{"content": text}] if text else []
    finish = "tool_calls" if calls else "stop"
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    part = {**head, "object": "chat.completion.chunk"}
    events = [{**part, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({**part, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    events.append({**part, "choices": [], "usage": usage})
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "reasoning_content": "I think."}
    message |= {"tool_calls": made} if made else {}
    whole = {**head, "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}
    return events, whole


# Responses


def _responses_seen(body: dict[str, Any], model: Model) -> tuple[dict[str, Any], list[str]]:
    tools: dict[str, Any] = {}
    results: list[str] = []
    open_calls: list[str] = []

    def offer(offered: list[dict[str, Any]]) -> None:
        for tool in offered:
            if tool["type"] == "namespace":
                offer(tool["tools"])
            elif "name" in tool:
                tools[tool["name"]] = tool["type"]

    offer(body.get("tools", []))
    items = body["input"]
    for at, item in enumerate(
        [{"type": "message", "role": "user", "content": items}] if isinstance(items, str) else items
    ):
        kind = item.get("type", "message")
        if kind == "additional_tools":
            offer(item["tools"])
        elif kind == "reasoning":
            _check(item.get("encrypted_content") in (None, model.seal), "The encrypted content could not be verified.")
        elif kind in ("function_call", "custom_tool_call"):
            open_calls.append(item["call_id"])
        elif kind.endswith("_output"):
            _check(item["call_id"] in open_calls, f"No tool call found for {item['call_id']}")
            open_calls.remove(item["call_id"])
            results.append(item["call_id"])
            output = item["output"]
            for part in [{"type": "input_text", "text": output}] if isinstance(output, str) else output:
                _content_seen(model, part.get("text", ""), image=part["type"] == "input_image")
        else:
            _check(kind in ("message", "agent_message"), f"input.{at}: type {kind}")
            content = item["content"]
            for part in content if isinstance(content, list) else []:
                wanted = ("output_text", "refusal") if item["role"] == "assistant" else ("input_text", "input_image")
                _check(part["type"] in wanted, f"input.{at}: {part['type']} of {item['role']}")
                _content_seen(model, "", image=part["type"] == "input_image")
    _check(not open_calls, f"No tool output found for {open_calls}")
    return tools, results


def _responses_answer(model: Model, calls: list[Call], text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": model.seal},
    ]
    for at, (identity, name, given) in enumerate(calls):
        if isinstance(given, str):
            items.append(
                {"type": "custom_tool_call", "id": f"ctc_{at}", "call_id": identity, "name": name, "input": given}
            )
        else:
            call = {"call_id": identity, "name": name, "arguments": json.dumps(given)}
            items.append({"type": "function_call", "id": f"fc_{at}", **call})
    if text:
        content = [{"type": "output_text", "text": text, "annotations": []}]
        items.append({"type": "message", "role": "assistant", "id": "msg_1", "content": content})
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 15,
    }
    whole = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": items, "usage": usage}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}}
    ]
    for at, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": at, "item": item})
        events.append({"type": "response.output_item.done", "output_index": at, "item": item})
    return [*events, {"type": "response.completed", "response": whole}], whole


# Gemini


def _gemini_seen(body: dict[str, Any], model: Model) -> tuple[dict[str, Any], list[str]]:
    declared = [each for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [])]
    tools = {each["name"]: "function" for each in declared}
    results: list[str] = []
    waiting = 0
    for at, content in enumerate(body["contents"]):
        parts = content["parts"]
        calls = [part for part in parts if "functionCall" in part]
        answered = [part["functionResponse"] for part in parts if "functionResponse" in part]
        _check(len(answered) == waiting, f"contents.{at}: the number of function response parts is not {waiting}")
        waiting = len(calls)
        if calls:
            seal = calls[0].get("thoughtSignature")
            good = seal in (model.seal, "skip_thought_signature_validator")
            _check(bool(seal), f"contents.{at}: Function call is missing a thought_signature")
            _check(good, f"contents.{at}: not a valid thought_signature.")
        for part in parts:
            _content_seen(model, part.get("text", ""), image="inlineData" in part)
        for each in answered:
            results.append(each["name"])
            _content_seen(
                model, json.dumps(each["response"]), image=any("inlineData" in p for p in each.get("parts", []))
            )
    _check(not waiting, "calls without responses")
    return tools, results


def _gemini_answer(model: Model, calls: list[Call], text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": "I think.", "thought": True}]
    parts += [{"functionCall": {"id": i, "name": n, "args": g}} for i, n, g in calls]
    if calls:
        parts[1]["thoughtSignature"] = model.seal
    parts += [{"text": text}] if text else []
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 15}

    def answer(some: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": some}, "index": 0, **more}], "modelVersion": "m"}

    events = [answer([part]) for part in parts[:-1]]
    events.append({**answer(parts[-1:], finishReason="STOP"), "usageMetadata": usage})
    return events, {**answer(parts, finishReason="STOP"), "usageMetadata": usage}
