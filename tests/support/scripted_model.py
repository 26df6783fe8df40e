"""A model on loopback that says what it is told to: texts, thoughts, tool calls side by side, and what these took.

An answer is a list of blocks: `say(…)`, `think(…)`, `call(…)`. Requests of a CLI's own without tools (titles, quota
checks) get a short text and take nothing from the script.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.fake_api import ApiHandler, FakeApi, fake_api

Block = dict[str, Any]
_IDS = itertools.count(1)


def say(text: str) -> Block:
    return {"type": "text", "text": text}


def think(text: str) -> Block:
    return {"type": "thinking", "thinking": text, "signature": "c2lnbmF0dXJl"}


def call(name: str, **given: Any) -> Block:
    return {"type": "tool_use", "id": f"toolu_{next(_IDS):04}", "name": name, "input": given}


class Script:
    """The answers that are left, and what each request takes."""

    def __init__(self, *answers: list[Block]) -> None:
        self.answers = list(answers)
        self.usage = {"input": 1200, "output": 80, "cache_read": 9000, "cache_write": 300}
        self.sent = 0
        """Answers that were given from the script or after its end."""

    def next(self, tools: list[Any]) -> list[Block]:
        if not tools:
            return [say("A title")]
        self.sent += 1
        return self.answers.pop(0) if self.answers else [say("That is all.")]


@contextmanager
def scripted_model(*answers: list[Block]) -> Iterator[tuple[FakeApi, Script]]:
    script = Script(*answers)

    class Handler(_Handler):
        pass

    Handler.script = script
    with fake_api(Handler) as api:
        yield api, script


class _Handler(ApiHandler):
    script: Script

    def _messages(self, body: dict[str, Any]) -> None:
        blocks = self.script.next(body.get("tools", []))
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
        blocks, took = self.script.next(body.get("tools", [])), self.script.usage
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


def _streamed(index: int, block: Block) -> list[dict[str, Any]]:
    """The events of one block in a stream of the Messages API."""
    if block["type"] == "text":
        empty: Block = {"type": "text", "text": ""}
        deltas: list[Block] = [{"type": "text_delta", "text": block["text"]}]
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
