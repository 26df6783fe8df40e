"""Answers of the Gemini API."""

from __future__ import annotations

from typing import Any

from agentdeck.core.formats import reading, seals
from agentdeck.core.formats.answers.writing import AnswerWriter, plain_event
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
from agentdeck.core.formats.sequence import AnswerPart
from agentdeck.core.providers import token_usage
from agentdeck.core.providers.apis import Api

_FINISHES = {
    "STOP": Finish.END,
    "MAX_TOKENS": Finish.LIMIT,
    **dict.fromkeys(
        ("SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "RECITATION", "LANGUAGE", "IMAGE_SAFETY"), Finish.REFUSED
    ),
}
_WORDS = {Finish.LIMIT: "MAX_TOKENS", Finish.CONTEXT: "MAX_TOKENS", Finish.REFUSED: "SAFETY"}


class GeminiReader:
    """Reads the chunks of one stream, or one document: they have the same shape."""

    def __init__(self) -> None:
        self._began = False
        self._calls = 0
        self._finished = False

    def document(self, document: dict[str, Any]) -> list[Event]:
        return self.feed(document)

    def end(self) -> list[Event]:
        return []

    def feed(self, data: dict[str, Any]) -> list[Event]:
        found: list[Event] = []
        if not self._began:
            self._began = True
            found.append(Began(reading.text(data.get("responseId"))))
        candidates = reading.tables(data.get("candidates"))
        for candidate in candidates[:1]:
            for part in reading.tables(reading.table(candidate.get("content")).get("parts")):
                found += self._part(part)
        usage = token_usage.of_document(Api.GEMINI, data)
        if usage != token_usage.NOTHING:
            found.append(Counted(usage))
        reason = reading.text(candidates[0].get("finishReason")) if candidates else ""
        blocked = reading.table(data.get("promptFeedback")).get("blockReason")
        if blocked and not candidates:
            reason = "SAFETY"
        return found + self._finish(reason)

    def _part(self, part: dict[str, Any]) -> list[Event]:
        if "functionCall" not in part:
            text = reading.text(part.get("text"))
            return [ThoughtPiece(text) if part.get("thought") is True else TextPiece(text)]
        call = reading.table(part["functionCall"])
        key = str(self._calls)
        self._calls += 1
        seal = reading.text(part.get("thoughtSignature"))
        given = reading.arguments_text(call.get("args")) or "{}"
        begun = CallBegan(key, reading.text(call.get("id")), reading.text(call.get("name")))
        return [*([Sealed(seal)] if seal else []), begun, CallPiece(key, given), CallEnded(key)]

    def _finish(self, reason: str) -> list[Event]:
        if not reason or self._finished:
            return []
        self._finished = True
        if reason not in _FINISHES:
            return [Broke(f"stopped with {reason[:40]}")]
        return [Finished(_FINISHES[reason])]


class GeminiWriter(AnswerWriter):
    """Each call whole in one part; the seal of the thoughts before it rides on it."""

    _pending = ""

    def document(self) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        seal = ""
        for part in self._parts:
            if part.kind == "thought":
                seal = self._seal(part)
                parts += [{"text": part.text, "thought": True}] if part.text else []
            elif part.kind == "text":
                parts.append({"text": part.text})
            elif not part.cut_off:
                parts.append(self._call(part, seal))
                seal = ""
        return {**self._answer(parts, finished=True), "usageMetadata": self._counts()}

    def _seal(self, part: AnswerPart) -> str:
        return seals.encoded(super()._seal(part))

    def _answer(self, parts: list[dict[str, Any]], *, finished: bool = False) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finished:
            candidate["finishReason"] = _WORDS.get(self.finish or Finish.END, "STOP")
        return {"candidates": [candidate], "modelVersion": self._model, "responseId": self._identity}

    def _opening(self) -> list[bytes]:
        return []

    def _open(self, part: AnswerPart) -> list[bytes]:
        del part
        return []

    def _more(self, part: AnswerPart, text: str) -> list[bytes]:
        if part.kind == "call":
            return []
        thought = {"thought": True} if part.kind == "thought" else {}
        return [plain_event(self._answer([{"text": text, **thought}]))]

    def _close(self, part: AnswerPart) -> list[bytes]:
        if part.kind == "thought":
            self._pending = self._seal(part)
        if part.kind != "call" or part.cut_off:
            return []
        seal, self._pending = self._pending, ""
        return [plain_event(self._answer([self._call(part, seal)]))]

    def _call(self, part: AnswerPart, seal: str) -> dict[str, Any]:
        call = {"id": part.id, "name": self._tool(part).name, "args": reading.arguments_table(part.text)}
        return {"functionCall": call, **({"thoughtSignature": seal} if seal else {})}

    def _closing(self) -> list[bytes]:
        return [plain_event({**self._answer([{"text": ""}], finished=True), "usageMetadata": self._counts()})]

    def _counts(self) -> dict[str, int]:
        usage = self.usage
        prompt = usage.prompt
        return {
            "promptTokenCount": prompt,
            "candidatesTokenCount": usage.output,
            "totalTokenCount": prompt + usage.output,
            "cachedContentTokenCount": usage.cache_read,
        }
