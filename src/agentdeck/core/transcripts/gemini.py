"""Gemini CLI's transcript (`tmp/NAME/chats/session-….jsonl`): a message is written again, whole, when it has grown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentdeck.core.providers.token_usage import Usage
from agentdeck.core.transcripts.reading import Once, arguments_of, count, mapping, parse, text_in, time_of
from agentdeck.core.transcripts.records import Kind, Record

_DENIED = {"cancelled": "user"}


class GeminiReader:
    def __init__(self, agent: str = "") -> None:
        self._agent = agent
        self._is_new = Once()
        """Of messages: their texts, and the calls and results of their tools."""

    def read(self, line: bytes) -> Iterator[Record]:
        data = parse(line)
        if data is None:
            return
        at, kind = time_of(data.get("timestamp") or data.get("startTime")), data.get("type")
        if isinstance(data.get("sessionId"), str) and "projectHash" in data:
            own = data.get("kind") in (None, "main")
            yield Record(Kind.SESSION, at, agent=self._agent, session=data["sessionId"], ok=own)
        elif kind == "user":
            text = text_in([each for each in data.get("content") or [] if "text" in mapping(each)])
            if text and not text.startswith("<session_context>") and self._is_new(f"user {data.get('id')}"):
                yield Record(Kind.USER, at, text, agent=self._agent)
        elif kind == "gemini":
            yield from self._message(data, at)
        elif kind in ("error", "warning"):
            yield Record(Kind.ERROR, at, text_in(data.get("content")), agent=self._agent)

    def _message(self, data: Mapping[str, Any], at: float) -> Iterator[Record]:
        name, model = str(data.get("id") or ""), str(data.get("model") or "")
        for index, thought in enumerate(map(mapping, data.get("thoughts") or [])):
            if self._is_new(f"thought {name} {index}"):
                text = ": ".join(filter(None, (text_in(thought.get("subject")), text_in(thought.get("description")))))
                yield Record(Kind.THINKING, at, text, agent=self._agent)
        if (text := text_in(data.get("content"))) and self._is_new(f"text {name}"):
            yield Record(Kind.TEXT, at, text, agent=self._agent)
        for call in map(mapping, data.get("toolCalls") or []):
            yield from self._call(call, time_of(call.get("timestamp")) or at)
        fields = mapping(data.get("tokens"))
        asked, cached = count(fields, "input"), count(fields, "cached")
        out = count(fields, "output") + count(fields, "thoughts")
        if (asked or out) and self._is_new(f"tokens {name} {asked} {out}"):
            usage = Usage(max(0, asked - cached), out, cached)
            yield Record(Kind.USAGE, at, agent=self._agent, key=name, usage=usage, model=model, context=asked + out)

    def _call(self, call: Mapping[str, Any], at: float) -> Iterator[Record]:
        name, tool, given = str(call.get("id") or ""), str(call.get("name") or "tool"), arguments_of(call.get("args"))
        if self._is_new(f"call {name}"):
            yield Record(Kind.TOOL, at, agent=self._agent, call=name, tool=tool, arguments=given)
        status = str(call.get("status") or "")
        if status not in ("success", "error", "cancelled") or not self._is_new(f"result {name}"):
            return
        shown = call.get("resultDisplay")
        back = [mapping(mapping(each).get("functionResponse")) for each in call.get("result") or []]
        text = text_in(shown) if isinstance(shown, str) and shown else text_in([_output(each) for each in back])
        kind, by = (Kind.DENIED, _DENIED[status]) if status in _DENIED else (Kind.RESULT, "")
        ok = status == "success"
        yield Record(kind, at, text, agent=self._agent, call=name, tool=tool, arguments=given, ok=ok, by=by)


def _output(response: Mapping[str, Any]) -> str:
    fields = mapping(response.get("response"))
    return text_in(fields.get("output") or fields.get("error"))
