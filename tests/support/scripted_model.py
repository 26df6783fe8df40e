"""A model on loopback that says what it is told to: texts, thoughts, tool calls side by side, and what these took.

An answer is a list of blocks: `say(…)`, `think(…)`, `call(…)`, and `run(…)`, `write(…)`, `ask(…)`, which are calls of
whatever tool the CLI offers for that. Requests of a CLI's own without tools (titles, quota checks) get a short text and
take nothing from the script.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.support.fake_api import ApiHandler, FakeApi, example, fake_api

Block = dict[str, Any]
_IDS = itertools.count(1)


def say(text: str) -> Block:
    return {"type": "text", "text": text}


def think(text: str) -> Block:
    return {"type": "thinking", "thinking": text, "signature": "c2lnbmF0dXJl"}


def call(name: str, **given: Any) -> Block:
    return {"type": "tool_use", "id": f"toolu_{next(_IDS):04}", "name": name, "input": given}


def run(command: str) -> Block:
    return {"type": "run", "command": command}


def write(path: str, text: str) -> Block:
    return {"type": "write", "path": path, "text": text}


def ask(question: str, *options: str) -> Block:
    return {"type": "ask", "question": question, "options": options}


def ask_all(**questions: tuple[str, ...]) -> Block:
    """Several questions in one call, each with its options: “Which NAME?”."""
    asked = [(f"Which {name}?", options) for name, options in questions.items()]
    return {"type": "ask", "question": asked[0][0], "options": asked[0][1], "all": asked}


SHELLS = ("Bash", "exec_command", "shell_command", "bash", "run_shell_command")
WRITERS = ("Write", "write", "write_file", "create")
ASKERS = ("AskUserQuestion", "question", "ask_user_question", "ask_user")


def _fitted(block: Block, tools: Mapping[str, dict[str, Any]]) -> Block:
    """The block as a call of a tool that is offered; the words that there is none where none is."""
    names = {"run": SHELLS, "write": WRITERS, "ask": ASKERS}.get(block["type"])
    if names is None:
        return block
    name = next((each for each in names if each in tools), None)
    if name is None:
        return say(f"I have no tool to {block['type']}.")
    known = tools[name].get("properties", {})
    given = example(tools[name])
    if block["type"] == "run":
        given["cmd" if "cmd" in known else "command"] = block["command"]
        given |= {"description": "Run it"} if "description" in known else {}
    elif block["type"] == "write":
        given[next(key for key in ("file_path", "filePath", "path") if key in known)] = block["path"]
        given["file_text" if "file_text" in known else "content"] = block["text"]
    elif "questions" in known:
        every = block.get("all") or [(block["question"], block["options"])]
        asked = [_question(text, options, example(known["questions"].get("items", {}))) for text, options in every]
        given["questions"] = asked
    elif "requestedSchema" in known:
        field = {"type": "string", "enum": list(block["options"])}
        given = {"message": block["question"], "requestedSchema": {"properties": {"choice": field}}}
    else:
        given |= {"question": block["question"], "choices": list(block["options"])}
    return call(name, **given)


def _question(text: str, options: tuple[str, ...], known: dict[str, Any]) -> dict[str, Any]:
    described = [{"label": each, "description": f"It is {each}"} for each in options]
    return {
        **known,
        "question": text,
        "header": text.rsplit(maxsplit=1)[-1].rstrip("?").capitalize(),
        "options": described,
    }


class Script:
    """The answers that are left, and what each request takes."""

    def __init__(self, *answers: list[Block]) -> None:
        self.answers = list(answers)
        self.delay = 0.0
        """Seconds that the model thinks."""
        self.escalates = False
        """Whether Codex' shell is asked to leave its sandbox, for which Codex asks a person."""
        self.told: list[dict[str, Any]] = []
        """The requests that took from the script."""
        self.on_request: Callable[[], None] = lambda: None
        self.on_answer: Callable[[list[Block]], None] = lambda blocks: None
        self.is_plain = False
        """Whether requests without tools take from the script too: for a CLI that has none."""
        self.usage = {"input": 1200, "output": 80, "cache_read": 9000, "cache_write": 300}
        self.sent = 0
        """Answers that were given from the script or after its end."""

    def next(self, tools: Mapping[str, dict[str, Any]], body: dict[str, Any]) -> list[Block]:
        if not tools and not (self.is_plain and "commit message" not in str(body)[:4000]):
            return [say("A title")]
        self.on_request()
        time.sleep(self.delay)
        self.sent += 1
        self.told.append(body)
        blocks = self.answers.pop(0) if self.answers else [say("That is all.")]
        fitted = [_fitted(block, tools) for block in blocks]
        if self.escalates:
            for block in fitted:
                if block["type"] == "tool_use" and "cmd" in block["input"]:
                    block["input"] |= {"sandbox_permissions": "require_escalated", "justification": "May it run?"}
        self.on_answer(fitted)
        return fitted


@contextmanager
def scripted_model(*answers: list[Block]) -> Iterator[tuple[FakeApi, Script]]:
    script = Script(*answers)

    class Handler(ScriptedHandler):
        pass

    Handler.script = script
    with fake_api(Handler) as api:
        yield api, script


class ScriptedHandler(ApiHandler):
    script: Script

    def _messages(self, body: dict[str, Any]) -> None:
        blocks = self.script.next(
            {tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools", []) if "name" in tool}, body
        )
        took = self.script.usage
        usage = {
            "input_tokens": took["input"],
            "output_tokens": took["output"],
            "cache_read_input_tokens": took["cache_read"],
            "cache_creation_input_tokens": took["cache_write"],
        }
        stop = "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"
        head = {
            "id": f"msg_{next(_IDS):04}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "fake"),
        }
        head["stop_sequence"] = None
        if not body.get("stream"):
            self._json(200, {**head, "content": blocks, "stop_reason": stop, "usage": usage})
            return
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": {**head, "content": [], "stop_reason": None, "usage": usage}}
        ]
        for index, block in enumerate(blocks):
            events += _streamed(index, block)
        end = {"stop_reason": stop, "stop_sequence": None}
        self._events([*events, {"type": "message_delta", "delta": end, "usage": usage}, {"type": "message_stop"}])

    def _responses(self, body: dict[str, Any]) -> None:
        tools = {tool["name"]: tool.get("parameters", {}) for tool in body.get("tools", []) if "name" in tool}
        blocks, took = self.script.next(tools, body), self.script.usage
        items = [_item(block) for block in blocks]
        whole = took["input"] + took["cache_read"]
        answer = {
            "id": f"resp_{next(_IDS):04}",
            "object": "response",
            "status": "completed",
            "model": body.get("model", "fake"),
            "output": items,
            "usage": {
                "input_tokens": whole,
                "input_tokens_details": {"cached_tokens": took["cache_read"]},
                "output_tokens": took["output"],
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": whole + took["output"],
            },
        }
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": {**answer, "status": "in_progress", "output": []}}
        ]
        for index, item in enumerate(items):
            events.append({"type": "response.output_item.added", "output_index": index, "item": item})
            events.append({"type": "response.output_item.done", "output_index": index, "item": item})
        self._events([*events, {"type": "response.completed", "response": answer}])

    def _chat(self, body: dict[str, Any]) -> None:
        functions = [tool["function"] for tool in body.get("tools", []) if "function" in tool]
        tools = {each["name"]: each.get("parameters", {}) for each in functions}
        blocks, took = self.script.next(tools, body), self.script.usage
        whole = took["input"] + took["cache_read"]
        usage = {
            "prompt_tokens": whole,
            "prompt_tokens_details": {"cached_tokens": took["cache_read"]},
            "completion_tokens": took["output"],
            "total_tokens": whole + took["output"],
        }
        calls = [
            {
                "index": index,
                "id": block["id"],
                "type": "function",
                "function": {"name": block["name"], "arguments": json.dumps(block["input"])},
            }
            for index, block in enumerate(each for each in blocks if each["type"] == "tool_use")
        ]
        text = "".join(block["text"] for block in blocks if block["type"] == "text")
        thought = "".join(block["thinking"] for block in blocks if block["type"] == "thinking")
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        message |= {"reasoning_content": thought} if thought else {}
        message |= {"tool_calls": calls} if calls else {}
        reason = "tool_calls" if calls else "stop"
        head = {"id": f"chat_{next(_IDS):04}", "model": body.get("model", "fake"), "created": 1}
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": reason}
            self._json(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})
            return
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": thought}] if thought else []
        deltas += [{"content": part} for part in _pieces(text)]
        deltas += [{"tool_calls": calls}] if calls else []
        chunk = {**head, "object": "chat.completion.chunk"}
        chunks = [{**chunk, "choices": [{"index": 0, "delta": each, "finish_reason": None}]} for each in deltas]
        end = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
        self._data([*chunks, end, {**chunk, "choices": [], "usage": usage}], "[DONE]")

    def _gemini(self, body: dict[str, Any], *, stream: bool) -> None:
        declared = [each for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [])]
        tools = {each["name"]: each.get("parametersJsonSchema") or each.get("parameters") or {} for each in declared}
        if not tools:
            super()._gemini(body, stream=stream)
            return
        took = self.script.usage
        parts: list[dict[str, Any]] = []
        for block in self.script.next(tools, body):
            if block["type"] == "tool_use":
                parts.append({"functionCall": {"name": block["name"], "args": block["input"]}})
            elif block["type"] == "thinking":
                parts.append({"text": block["thinking"], "thought": True})
            else:
                parts += [{"text": part} for part in _pieces(block["text"])]
        whole = took["input"] + took["cache_read"]
        usage = {
            "promptTokenCount": whole,
            "cachedContentTokenCount": took["cache_read"],
            "candidatesTokenCount": took["output"],
            "totalTokenCount": whole + took["output"],
        }
        head = {"modelVersion": "fake", "usageMetadata": usage}
        last = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        if not stream:
            self._json(200, {**head, "candidates": [last]})
            return
        chunks = [{"content": {"role": "model", "parts": [part]}, "index": 0} for part in parts]
        self._data([{**head, "candidates": [each]} for each in [*chunks[:-1], {**chunks[-1], "finishReason": "STOP"}]])


def _pieces(text: str) -> list[str]:
    """The text as a stream gives it, a few dozen characters at a time."""
    return [text[at : at + 60] for at in range(0, len(text), 60)]


def _streamed(index: int, block: Block) -> list[dict[str, Any]]:
    """The events of one block in a stream of the Messages API."""
    if block["type"] == "text":
        empty: Block = {"type": "text", "text": ""}
        deltas: list[Block] = [{"type": "text_delta", "text": part} for part in _pieces(block["text"])]
    elif block["type"] == "thinking":
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    else:
        empty = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _item(block: Block) -> dict[str, Any]:
    """The block as an item of the Responses API."""
    name = f"{next(_IDS):04}"
    content: list[Block]
    if block["type"] == "text":
        content = [{"type": "output_text", "text": block["text"], "annotations": []}]
        return {"type": "message", "role": "assistant", "id": f"msg_{name}", "content": content}
    if block["type"] == "thinking":
        return {
            "type": "reasoning",
            "id": f"rs_{name}",
            "summary": [{"type": "summary_text", "text": block["thinking"]}],
        }
    given = json.dumps(block["input"])
    return {
        "type": "function_call",
        "id": f"fc_{name}",
        "call_id": block["id"],
        "name": block["name"],
        "arguments": given,
    }
