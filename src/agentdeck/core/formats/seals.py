"""Reasoning that only its provider can read, carried by the client: whose it is, said by a mark before it.

Clients send such values back unchanged, so nothing has to be remembered here. A provider gets its own back, without
the mark, and nobody else's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any

from agentdeck.core.formats import reading
from agentdeck.core.providers.apis import Api

MARK = "agentdeck.1."
NO_SEAL = "skip_thought_signature_validator"
"""What Gemini takes in place of a seal of its own, before a call that another model made."""
ENCODED_MARK = base64.b64encode(MARK.encode()).decode()
"""The mark where a client wants base64: its length makes every marked value begin so."""


def mark_of(api: Api, address: str) -> str:
    """What the seals of the provider at `address` begin with."""
    return f"{MARK}{api.value}.{hashlib.sha256(address.encode()).hexdigest()[:12]}."


def is_marked(seal: str) -> bool:
    return seal.startswith((MARK, ENCODED_MARK))


def decoded(seal: str) -> str:
    """A seal without the base64 that some clients want around it."""
    if not seal.startswith(ENCODED_MARK):
        return seal
    try:
        return base64.b64decode(seal, validate=True).decode()
    except (binascii.Error, ValueError):
        return seal


def encoded(seal: str) -> str:
    return base64.b64encode(seal.encode()).decode()


def own(seal: str, mark: str) -> str:
    """What the provider with `mark` sealed; empty where it is another's, or nothing was sealed."""
    seal = decoded(seal)
    return seal[len(mark) :] if mark and seal.startswith(mark) else ""


def mentions(body: bytes) -> bool:
    return MARK.encode() in body or ENCODED_MARK.encode() in body


def stripped(api: Api, document: dict[str, Any]) -> dict[str, Any]:
    """A request, for a provider that speaks the client's own format in full, without what others sealed."""
    if api is Api.MESSAGES:
        return _messages_stripped(document)
    if api is Api.RESPONSES:
        items = document.get("input")
        if not isinstance(items, list):
            return document
        kept = [item for item in items if not is_marked(reading.text(reading.table(item).get("encrypted_content")))]
        return {**document, "input": kept}
    return unsealed(document, is_marked) if api is Api.GEMINI else document


def unsealed(document: dict[str, Any], foreign: Callable[[str], bool] = bool) -> dict[str, Any]:
    """A Gemini request without the seals that are `foreign`."""

    def content(given: Any) -> Any:
        parts = reading.table(given).get("parts")
        return (
            {**given, "parts": [_unsealed_part(part, foreign) for part in parts]} if isinstance(parts, list) else given
        )

    return {**document, "contents": [content(each) for each in document.get("contents") or []]}


def _unsealed_part(part: Any, foreign: Callable[[str], bool]) -> Any:
    if not foreign(reading.text(reading.table(part).get("thoughtSignature"))):
        return part
    rest = {key: value for key, value in part.items() if key != "thoughtSignature"}
    # Before a call the API wants some seal, or this word in place of one.
    return {**rest, "thoughtSignature": NO_SEAL} if "functionCall" in rest else rest


def _messages_stripped(document: dict[str, Any]) -> dict[str, Any]:
    kept: list[Any] = []
    lost_now = False
    for message in document.get("messages") or []:
        content = reading.table(message).get("content")
        results = any(block.get("type") == "tool_result" for block in reading.tables(content))
        if reading.table(message).get("role") == "user" and not results:
            lost_now = False
        blocks = [block for block in content if not _is_foreign(block)] if isinstance(content, list) else []
        if not isinstance(content, list) or len(blocks) == len(content):
            kept.append(message)
            continue
        lost_now = True
        if blocks:
            kept.append({**message, "content": blocks})
    found = {**document, "messages": kept}
    if lost_now and _ends_with_result(kept):
        # While tools are in use, the API wants the turn's own thinking back, and refuses edits of thinking without it.
        found.pop("thinking", None)
        found.pop("context_management", None)
    return found


def _is_foreign(block: Any) -> bool:
    block = reading.table(block)
    return block.get("type") in ("thinking", "redacted_thinking") and (
        is_marked(reading.text(block.get("signature"))) or is_marked(reading.text(block.get("data")))
    )


def _ends_with_result(messages: list[Any]) -> bool:
    last = reading.table(messages[-1]).get("content") if messages else None
    return isinstance(last, list) and any(reading.table(block).get("type") == "tool_result" for block in last)
