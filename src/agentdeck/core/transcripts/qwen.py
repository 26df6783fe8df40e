"""Qwen Code's transcript (`projects/SLUG/chats/SESSION.jsonl`). What its headless runs print is as Claude Code's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentdeck.core.providers.token_usage import Usage
from agentdeck.core.transcripts.claude import denied_by
from agentdeck.core.transcripts.reading import arguments_of, count, mapping, parse, text_in, time_of
from agentdeck.core.transcripts.records import Kind, Record

_DENIED = {"reject": "user", "cancelled": "user"}


class QwenReader:
    def __init__(self, agent: str = "") -> None:
        self._agent = agent
        self._session = ""
        self._calls: dict[str, tuple[str, str]] = {}

    def read(self, line: bytes) -> Iterator[Record]:
        data = parse(line)
        if data is None:
            return
        at, kind, session = time_of(data.get("timestamp")), data.get("type"), data.get("sessionId")
        if isinstance(session, str) and session != self._session and isinstance(data.get("cwd"), str):
            self._session = session
            yield Record(Kind.SESSION, at, data["cwd"], agent=self._agent, session=session)
        if kind == "system":
            yield from self._system(data, at)
            return
        for part in map(mapping, mapping(data.get("message")).get("parts") or []):
            yield from self._part(part, data, at)
        if kind == "assistant":
            yield from self._usage(data, at)

    def _part(self, part: Mapping[str, Any], data: Mapping[str, Any], at: float) -> Iterator[Record]:
        call, back = mapping(part.get("functionCall")), mapping(part.get("functionResponse"))
        if call:
            name, tool, given = (
                str(call.get("id") or ""),
                str(call.get("name") or "tool"),
                arguments_of(call.get("args")),
            )
            self._calls[name] = (tool, given)
            yield Record(Kind.TOOL, at, agent=self._agent, call=name, tool=tool, arguments=given)
        elif back:
            name, result = str(back.get("id") or ""), mapping(data.get("toolCallResult"))
            tool, given = self._calls.pop(name, (str(back.get("name") or "tool"), ""))
            response = mapping(back.get("response"))
            text, status = text_in(response.get("output") or response.get("error")), str(result.get("status") or "")
            ok = status in ("", "success") and "error" not in response
            by = _DENIED.get(status, "") or ("" if ok else denied_by(text))
            kind = Kind.DENIED if by else Kind.RESULT
            yield Record(
                kind, at, text, agent=self._agent, call=name, tool=tool, arguments=given, ok=ok and not by, by=by
            )
        elif text := text_in(part.get("text")):
            said = Kind.THINKING if part.get("thought") else Kind.TEXT
            yield Record(said if data.get("type") == "assistant" else Kind.USER, at, text, agent=self._agent)

    def _usage(self, data: Mapping[str, Any], at: float) -> Iterator[Record]:
        fields, model = mapping(data.get("usageMetadata")), str(data.get("model") or "")
        asked, cached = count(fields, "promptTokenCount"), count(fields, "cachedContentTokenCount")
        out = count(fields, "candidatesTokenCount") + count(fields, "thoughtsTokenCount")
        if asked or out:
            usage, key = Usage(max(0, asked - cached), out, cached), str(data.get("uuid") or f"{self._session}:{at}")
            context, window = asked + out, count(data, "contextWindowSize") or None
            yield Record(
                Kind.USAGE, at, agent=self._agent, key=key, usage=usage, model=model, context=context, window=window
            )

    def _system(self, data: Mapping[str, Any], at: float) -> Iterator[Record]:
        event, kind = mapping(mapping(data.get("systemPayload")).get("uiEvent")), data.get("subtype")
        if kind == "chat_compression":
            yield Record(Kind.COMPACTION, at, agent=self._agent)
        elif event.get("event.name") == "qwen-code.api_error":
            status = event.get("status_code")
            why = text_in(event.get("error_message") or event.get("error"))
            yield Record(Kind.ERROR, at, why, agent=self._agent, status=status if isinstance(status, int) else None)
