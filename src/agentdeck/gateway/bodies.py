"""Bodies of requests and answers: read without their compression, and changed with every other byte as it was."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any

from agentdeck.core.formats import seals
from agentdeck.core.providers.estimate import tokens

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)
_COLON = re.compile(rb"\s*:\s*")
_SCALAR = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,{}\[\]"]+', re.DOTALL)
_OPENING = re.compile(rb"\s*\{")


def plain(data: bytes, encoding: str, most: int) -> bytes:
    """`data` without the compression that the header `encoding` names, `most` bytes of it and one more at most.

    ValueError, whose text is the rest of a sentence, where we don't know it, or the data is not what it says.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return data
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ValueError(f"has an encoding that AgentDeck's gateway doesn't support: {encoding[:40]}")
    # Some send deflate without the two bytes before it that it should have.
    for bits in (47, -15) if encoding == "deflate" else (47,):
        tool = zlib.decompressobj(wbits=bits)
        try:
            found = tool.decompress(data, most + 1)
        except zlib.error:
            continue
        if tool.eof or len(found) > most:
            return found
    raise ValueError(f"is not {encoding}, as its header says")


def with_value(body: bytes, key: str, value: str | int) -> bytes:
    """The request with `value` in place of what it says for `key` at its top level."""
    pieces: list[bytes] = []
    end = 0
    for start in _values_of(body, key.encode()):
        pieces += [body[end:start], json.dumps(value).encode()]
        end = _end_of_value(body, start)
    return b"".join([*pieces, body[end:]])


def asking_usage(body: bytes, document: dict[str, Any]) -> bytes:
    """The chat request `body`, which says `document`, with `stream_options.include_usage` set."""
    key = "stream_options"
    if key not in document:
        opening = _OPENING.match(body)
        if opening is None or not document:
            return body
        at = opening.end()
        return body[:at] + b'"stream_options":{"include_usage":true},' + body[at:]
    options = document[key] if isinstance(document[key], dict) else {}
    pieces: list[bytes] = []
    end = 0
    for start in _values_of(body, key.encode()):
        pieces += [body[end:start], json.dumps({**options, "include_usage": True}).encode()]
        end = _end_of_value(body, start)
    return b"".join([*pieces, body[end:]])


def _end_of_value(body: bytes, start: int) -> int:
    """Where the JSON value that begins at `start` ends."""
    if body[start : start + 1] not in (b"{", b"["):
        scalar = _SCALAR.match(body, start)
        return scalar.end() if scalar else start
    depth = 0
    for token in _TOKEN.finditer(body, start):
        depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(token.group(), 0)
        if depth == 0:
            return token.end()
    return len(body)


def _values_of(body: bytes, key: bytes) -> Iterator[int]:
    """Where the values of `key`, which is at the top level of this valid JSON, begin."""
    # A quotation mark within a string is escaped, so this never matches text.
    places = [found.end() for found in re.finditer(rb'"%s"\s*:\s*' % key, body)]
    if len(places) == 1:
        yield places[0]
        return
    depth = 0
    for token in _TOKEN.finditer(body):
        mark = token.group()
        if mark in b"{[":
            depth += 1
        elif mark in b"}]":
            depth -= 1
        elif depth == 1 and mark == b'"%s"' % key and (colon := _COLON.match(body, token.end())):
            yield colon.end()


def without_thinking(request: dict[str, Any]) -> dict[str, Any]:
    """The request without the thinking of earlier turns.

    A turn that was only thinking goes whole. While tools are being used the API wants the turn's own thinking back, so
    there thinking is switched off for this one request.
    """
    if "contents" in request:
        return seals.unsealed(request)
    if isinstance(items := request.get("input"), list):
        return {**request, "input": [item for item in items if not _is_thinking(item)]}
    messages = []
    for message in request.get("messages", []):
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            kept = [block for block in content if not _is_thinking(block)]
            if not kept and content:
                continue
            message = {**message, "content": kept}  # noqa: PLW2901 the caller's message must stay as it is
        messages.append(message)
    stripped = {**request, "messages": messages}
    if _uses_tools_now(messages):
        stripped.pop("thinking", None)
    return stripped


def _is_thinking(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in ("thinking", "redacted_thinking", "reasoning")


def _uses_tools_now(messages: list[Any]) -> bool:
    content = messages[-1].get("content") if messages and isinstance(messages[-1], dict) else None
    return isinstance(content, list) and any(
        isinstance(block, dict) and block.get("type") in ("tool_result", "tool_use") for block in content
    )


def estimated_tokens(request: Any) -> int:
    """Roughly how many tokens a request has, with 1,600 for a picture."""
    pending, texts, pictures = [request], 0, 0
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            texts += tokens(value)
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            if value.get("type") == "base64" and "data" in value:
                pictures += 1
            else:
                pending += [*value.values(), *value]
    return max(1, texts + pictures * 1600)


def encoded(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
