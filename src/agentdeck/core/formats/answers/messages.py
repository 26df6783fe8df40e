"""Answers of the Anthropic Messages API."""

from __future__ import annotations

from typing import Any

from agentdeck.core.formats import reading
from agentdeck.core.formats.answers.writing import AnswerWriter, named_event
from agentdeck.core.formats.ir import (
    Began,
    Broke,
    CallBegan,
    CallEnded,
    CallPiece,
    Counted,
    Event,
    Finish,
    Finished,
    Sealed,
    TextPiece,
    ThoughtPiece,
)
from agentdeck.core.formats.requests.messages import REDACTED
from agentdeck.core.formats.sequence import AnswerPart
from agentdeck.core.providers import token_usage
from agentdeck.core.providers.apis import Api

_FINISHES = {
    "end_turn": Finish.END,
    "tool_use": Finish.END,
    "max_tokens": Finish.LIMIT,
    "model_context_window_exceeded": Finish.CONTEXT,
    "stop_sequence": Finish.STOP_TEXT,
    "refusal": Finish.REFUSED,
}
_WORDS = {
    Finish.END: "end_turn",
    Finish.LIMIT: "max_tokens",
    Finish.CONTEXT: "model_context_window_exceeded",
    Finish.STOP_TEXT: "stop_sequence",
    Finish.REFUSED: "refusal",
}


class MessagesReader:
    """Reads the events of one stream, or one document."""

    def __init__(self) -> None:
        self._blocks: dict[Any, dict[str, Any]] = {}
        self._begun = 0

    def document(self, document: dict[str, Any]) -> list[Event]:
        found: list[Event] = [Began(reading.text(document.get("id")))]
        for at, block in enumerate(reading.tables(document.get("content"))):
            found += [*self._start(at, block), *self._stop(at)]
        found.append(Counted(token_usage.of_document(Api.MESSAGES, document)))
        return found + self._finish(document)

    def feed(self, data: dict[str, Any]) -> list[Event]:
        counted = Counted(token_usage.of_document(Api.MESSAGES, data))
        match data.get("type"):
            case "message_start":
                return [Began(reading.text(reading.table(data.get("message")).get("id"))), counted]
            case "content_block_start":
                return self._start(data.get("index"), reading.table(data.get("content_block")))
            case "content_block_delta":
                return self._delta(data.get("index"), reading.table(data.get("delta")))
            case "content_block_stop":
                return self._stop(data.get("index"))
            case "message_delta":
                return [counted, *self._finish(reading.table(data.get("delta")))]
        return []

    def end(self) -> list[Event]:
        return []

    def _start(self, index: Any, block: dict[str, Any]) -> list[Event]:
        found = self._stop(index)
        self._begun += 1
        state = self._blocks[index] = {"key": str(self._begun), "kind": block.get("type"), "given": False, "seal": ""}
        match block.get("type"):
            case "text":
                return [*found, TextPiece(reading.text(block.get("text")))]
            case "thinking":
                state["seal"] = reading.text(block.get("signature"))
                return [*found, ThoughtPiece(reading.text(block.get("thinking")))]
            case "redacted_thinking":
                state["seal"] = REDACTED + reading.text(block.get("data"))
            case "tool_use":
                state["input"] = block.get("input")
                found.append(CallBegan(state["key"], reading.text(block.get("id")), reading.text(block.get("name"))))
        return found

    def _delta(self, index: Any, delta: dict[str, Any]) -> list[Event]:
        state = self._blocks.get(index, {})
        match delta.get("type"):
            case "text_delta":
                return [TextPiece(reading.text(delta.get("text")))]
            case "thinking_delta":
                return [ThoughtPiece(reading.text(delta.get("thinking")))]
            case "signature_delta":
                if state:
                    state["seal"] += reading.text(delta.get("signature"))
            case "input_json_delta":
                if (piece := reading.text(delta.get("partial_json"))) and state:
                    state["given"] = True
                    return [CallPiece(state["key"], piece)]
        return []

    def _stop(self, index: Any) -> list[Event]:
        state = self._blocks.pop(index, None)
        if state is None:
            return []
        if state["kind"] == "tool_use":
            given = state["input"]
            # Some servers send all arguments at once, with the start.
            late: list[Event] = [CallPiece(state["key"], reading.arguments_text(given))]
            return [*(late if given and not state["given"] else []), CallEnded(state["key"])]
        return [Sealed(state["seal"])] if state["seal"] else []

    def _finish(self, fields: dict[str, Any]) -> list[Event]:
        reason = fields.get("stop_reason")
        if not isinstance(reason, str):
            return []
        if reason not in _FINISHES:
            return [Broke(f"stopped with {reason[:40]}")]
        stop = fields.get("stop_sequence")
        return [Finished(_FINISHES[reason], stop if isinstance(stop, str) else None)]


class MessagesWriter(AnswerWriter):
    def _message(self) -> dict[str, Any]:
        return {"id": f"msg_{self._identity}", "type": "message", "role": "assistant", "model": self._model}

    def document(self) -> dict[str, Any]:
        content = [self._block(part) for part in self._parts]
        stop = {"stop_reason": self._reason(), "stop_sequence": self._stop_text}
        return {**self._message(), "content": content, **stop, "usage": self._counts()}

    def _opening(self) -> list[bytes]:
        empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None}
        usage = {"input_tokens": 0, "output_tokens": 0}
        return [named_event({"type": "message_start", "message": {**self._message(), **empty, "usage": usage}})]

    def _open(self, part: AnswerPart) -> list[bytes]:
        block = self._block(part)
        for key in ("text", "thinking", "signature"):
            if key in block:
                block[key] = ""
        if "input" in block:
            block["input"] = {}
        return [self._event("content_block_start", content_block=block)]

    def _more(self, part: AnswerPart, text: str) -> list[bytes]:
        kinds = {"text": ("text_delta", "text"), "thought": ("thinking_delta", "thinking")}
        kind, key = kinds.get(part.kind, ("input_json_delta", "partial_json"))
        return [self._event("content_block_delta", delta={"type": kind, key: text})]

    def _close(self, part: AnswerPart) -> list[bytes]:
        found = []
        if part.kind == "thought" and part.pieces:
            delta = {"type": "signature_delta", "signature": self._seal(part)}
            found.append(self._event("content_block_delta", delta=delta))
        return [*found, self._event("content_block_stop")]

    def _closing(self) -> list[bytes]:
        delta = {"stop_reason": self._reason(), "stop_sequence": self._stop_text}
        last = {"type": "message_delta", "delta": delta, "usage": self._counts()}
        return [named_event(last), named_event({"type": "message_stop"})]

    def _event(self, kind: str, **more: Any) -> bytes:
        return named_event({"type": kind, "index": len(self._parts) - 1, **more})

    def _block(self, part: AnswerPart) -> dict[str, Any]:
        if part.kind == "text":
            return {"type": "text", "text": part.text}
        if part.kind == "call":
            given = reading.arguments_table(part.text)
            return {"type": "tool_use", "id": part.id, "name": self._tool(part).name, "input": given}
        if part.pieces:
            return {"type": "thinking", "thinking": part.text, "signature": self._seal(part)}
        return {"type": "redacted_thinking", "data": self._seal(part)}

    def _reason(self) -> str:
        if self._has_calls and self.finish in (Finish.END, Finish.STOP_TEXT):
            return "tool_use"
        return _WORDS[self.finish or Finish.END]

    def _counts(self) -> dict[str, int]:
        usage = self.usage
        return {
            "input_tokens": usage.input,
            "cache_creation_input_tokens": usage.cache_write,
            "cache_read_input_tokens": usage.cache_read,
            "output_tokens": usage.output,
        }
