"""Server-sent events: where one ends, what it means in each API, and how a broken stream is ended.

Only whole events are passed on, so that a stream can be ended with an event of ours wherever it breaks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from agentdeck.core.frozen import dataclass
from agentdeck.core.providers.apis import Api

EVENT_MAX = 16 * 1024 * 1024
"""Bytes of one event after which it is passed on in pieces."""

_BOUNDARY = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_TELLING = {
    Api.MESSAGES: re.compile(rb"\"usage\"|message_stop|event:\s*error|\"type\":\s*\"error\""),
    Api.CHAT: re.compile(rb"\"usage\":\s*\{|\[DONE\]|\"error\":|\"finish_reason\":\s*\""),
    Api.GEMINI: re.compile(rb"finishReason|usageMetadata|\"error\"|blockReason"),
    Api.RESPONSES: re.compile(rb"response\.(?:completed|incomplete|failed)|event:\s*error|\"type\":\s*\"error\""),
}
"""Events without any of these hold nothing that the gateway has to know, and are not decoded."""
_PREAMBLE = {
    Api.MESSAGES: frozenset({"message_start", "ping"}),
    Api.RESPONSES: frozenset({"response.created", "response.in_progress", "response.queued", "keepalive"}),
}
_SIGNS = re.compile(rb"^:|\"ping\"|keepalive|response\.(?:in_progress|queued)", re.MULTILINE)
_GEMINI_KEYS = frozenset({"candidates", "promptFeedback", "usageMetadata", "error"})
_LAST = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed", "error"})


@dataclass(frozen=True, slots=True)
class Parsed:
    """One event. `data` is decoded JSON, or None; `done` is the chat API's `[DONE]`."""

    data: Any = None
    done: bool = False
    comment: bool = False
    """Whether it has no data at all: a comment to keep the connection open."""
    malformed: bool = False

    @property
    def kind(self) -> str:
        kind = self.data.get("type") if isinstance(self.data, dict) else None
        return kind if isinstance(kind, str) else ""


def is_answer(api: Api, document: Any) -> bool:
    """Whether decoded JSON is an answer in this format."""
    if api is Api.GEMINI:
        return isinstance(document, dict) and not _GEMINI_KEYS.isdisjoint(document)
    key = {Api.MESSAGES: "content", Api.CHAT: "choices", Api.RESPONSES: "output"}[api]
    return isinstance(document, dict) and isinstance(document.get(key), list)


def is_foreign(api: Api, event: Parsed) -> bool:
    """Whether an event with data belongs to another format, so that its client would wait for its own in vain."""
    if event.comment or event.done:
        return False
    if api is Api.GEMINI:
        return not isinstance(event.data, dict) or _GEMINI_KEYS.isdisjoint(event.data)
    if api is Api.CHAT:
        return not isinstance(event.data, dict) or not {"choices", "usage", "error", "object"} & event.data.keys()
    theirs = event.kind.startswith("response.")
    return not event.kind or (theirs if api is Api.MESSAGES else event.kind.startswith(("message_", "content_block_")))


class Events:
    """Cuts a stream of bytes into pieces of whole events."""

    def __init__(self) -> None:
        self._tail = bytearray()

    def feed(self, data: bytes) -> bytes:
        """All events that are whole with `data`, as they came; what is left waits."""
        tail = self._tail
        if not tail and data.endswith(b"\n\n"):
            return data
        start = max(0, len(tail) - 3)
        tail += data
        found = [(tail.rfind(mark, start), mark) for mark in (b"\n\n", b"\r\n\r\n", b"\r\r")]
        end = max((at + len(mark) for at, mark in found if at >= 0), default=0)
        if not end and len(tail) > EVENT_MAX:
            end = len(tail)
        whole = bytes(tail[:end])
        del tail[:end]
        return whole

    def rest(self) -> bytes:
        """What came after the last whole event."""
        rest = bytes(self._tail)
        self._tail.clear()
        return rest


def events(block: bytes) -> Iterator[bytes]:
    """The single events of a block of whole events, as they came."""
    start = 0
    for boundary in _BOUNDARY.finditer(block):
        yield block[start : boundary.end()]
        start = boundary.end()
    if start < len(block):
        yield block[start:]


def parsed(event: bytes) -> Parsed:
    lines = event.removeprefix(b"\xef\xbb\xbf").splitlines()
    fields = [line.partition(b":") for line in lines if line and not line.startswith(b":")]
    if any(name not in (b"data", b"event", b"id", b"retry") for name, _, _ in fields):
        return Parsed(malformed=True)
    data = [value.removeprefix(b" ") for name, _, value in fields if name == b"data"]
    if not data:
        return Parsed(comment=True)
    text = b"\n".join(data)
    if text.strip() == b"[DONE]":
        return Parsed(done=True)
    try:
        return Parsed(json.loads(text))
    except (ValueError, RecursionError):
        return Parsed(malformed=True)


def tells(api: Api, block: bytes) -> bool:
    """Whether `block` may hold an end, an error or token counts; if not, it needs no decoding."""
    return _TELLING[api].search(block) is not None


def is_preamble(api: Api, event: Parsed) -> bool:
    """Whether the event brings no content yet, so that the stream may still be taken from another provider."""
    if event.comment:
        return True
    if api is Api.GEMINI:
        return not _tells_gemini(event.data)
    if api is not Api.CHAT:
        return event.kind in _PREAMBLE[api]
    choices = event.data.get("choices") if isinstance(event.data, dict) else None
    if not isinstance(choices, list):
        return False
    return not any(_has_content(choice) for choice in choices) and not event.data.get("usage")


def is_quiet(api: Api, block: bytes) -> bool:
    """Whether whole events hold only signs of life."""
    if _SIGNS.search(block) is None:
        return False
    return all(is_preamble(api, parsed(raw)) for raw in events(block))


def _has_content(choice: Any) -> bool:
    if not isinstance(choice, dict) or choice.get("finish_reason"):
        return True
    delta = choice.get("delta")
    return isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role")


def is_last(api: Api, event: Parsed) -> bool:
    """Whether a stream that ends after this event has been told in full, be it well or as an error."""
    if api is Api.GEMINI:
        return _gemini_ends(event.data)
    if api is not Api.CHAT:
        return event.kind in _LAST
    if event.done:
        return True
    if not isinstance(event.data, dict):
        return False
    choices = event.data.get("choices")
    return isinstance(choices, list) and any(
        isinstance(choice, dict) and choice.get("finish_reason") for choice in choices
    )


def is_over(api: Api, block: bytes) -> bool:
    """Whether whole events hold the one behind which nothing comes. A chunk with a finish reason is not: token counts
    may follow it."""
    if api is Api.GEMINI or not tells(api, block):
        return False
    found = map(parsed, events(block))
    return any(event.done or (api is not Api.CHAT and is_last(api, event)) for event in found)


def is_usage_only(event: Parsed) -> bool:
    """Whether it is the chat chunk that exists only because token counts were asked for."""
    return isinstance(event.data, dict) and event.data.get("choices") == [] and bool(event.data.get("usage"))


def _tells_gemini(data: Any) -> bool:
    """Whether a chunk of Gemini's has content or an end."""
    candidates = data.get("candidates") if isinstance(data, dict) else None
    for each in candidates if isinstance(candidates, list) else []:
        content = each.get("content") if isinstance(each, dict) else None
        if isinstance(content, dict) and content.get("parts"):
            return True
    return _gemini_ends(data)


def _gemini_ends(data: Any) -> bool:
    if not isinstance(data, dict):
        return False
    feedback = data.get("promptFeedback")
    if isinstance(feedback, dict) and feedback.get("blockReason"):
        return True
    candidates = data.get("candidates")
    found = candidates if isinstance(candidates, list) else []
    return any(isinstance(each, dict) and each.get("finishReason") for each in found)


def wants_bare_end(api: Api, user_agent: str) -> bool:
    """Whether the client gives up at an error in a stream, and asks again after one that ends without a reason.

    Qwen Code does; opencode asks again without end then.
    """
    return api is Api.CHAT and user_agent.startswith("QwenCode/")


def ending(api: Api, message: str, user_agent: str = "") -> bytes:
    """How to say that a stream is broken, so that this client tries again."""
    if wants_bare_end(api, user_agent):
        return f": {message}\n\n".encode()
    if api is Api.MESSAGES:
        error = {"type": "error", "error": {"type": "overloaded_error", "message": message}}
        return b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n"
    if api is Api.RESPONSES:
        # Of the codes of `response.failed` this is one that Codex does not take for final.
        response = {"object": "response", "status": "failed", "error": {"code": "server_error", "message": message}}
        failed = {"type": "response.failed", "response": response}
        return b"event: response.failed\ndata: " + json.dumps(failed).encode() + b"\n\n"
    if api is Api.GEMINI:
        broken = {"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}}
        return b"data: " + json.dumps(broken).encode() + b"\n\n"
    chunk = {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
        "error": {"message": message, "type": "server_error", "code": "stream_interrupted"},
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n"
