"""opencode's parts of messages: rows of its database as lines of JSON, and what `run --format json` prints.

A row is `{"role", "session", "at", "part", "model", "cwd", "agent"}`; a part is written again when it has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentdeck.core.providers.token_usage import Usage
from agentdeck.core.transcripts.reading import Once, arguments_of, count, mapping, parse, text_in, time_of
from agentdeck.core.transcripts.records import Kind, Record

_DENIALS = (("rejected permission", "user"), ("rule which prevents", "rule"))


class OpencodeReader:
    def __init__(self, agent: str = "") -> None:
        self._agent = agent
        self._sessions: set[str] = set()
        self._is_new = Once()

    def read(self, line: bytes) -> Iterator[Record]:
        data = parse(line)
        if data is None:
            return
        at, part = time_of(data.get("at") or data.get("timestamp")), mapping(data.get("part"))
        session, agent = str(data.get("session") or data.get("sessionID") or ""), str(data.get("agent") or self._agent)
        if session and session not in self._sessions:
            self._sessions.add(session)
            folder, model = str(data.get("cwd") or ""), str(data.get("model") or "")
            yield Record(Kind.SESSION, at, folder, agent=agent, session=session, model=model, ok=not agent)
        if data.get("type") == "error" or data.get("error"):
            error = mapping(data.get("error"))
            why = text_in(mapping(error.get("data")).get("message") or error.get("message")) or str(error.get("name"))
            if self._is_new(f"error {data.get('id') or at}"):
                yield Record(Kind.ERROR, at, why, agent=agent)
            return
        for record in self._part(part, data, at):
            yield record if not agent else _of(record, agent)

    def _part(self, part: Mapping[str, Any], data: Mapping[str, Any], at: float) -> Iterator[Record]:
        kind, name = part.get("type"), str(part.get("id") or data.get("id") or "")
        if kind == "text" and not part.get("synthetic"):
            # A part of the model's grows until its end is written.
            whole = data.get("role") == "user" or mapping(part.get("time")).get("end")
            if whole and text_in(part.get("text")).strip() and self._is_new(f"text {name}"):
                yield Record(Kind.USER if data.get("role") == "user" else Kind.TEXT, at, text_in(part["text"]))
        elif kind == "reasoning" and mapping(part.get("time")).get("end") and self._is_new(f"text {name}"):
            yield Record(Kind.THINKING, at, text_in(part.get("text")))
        elif kind == "tool":
            yield from self._tool(part, at)
        elif kind == "step-finish" and self._is_new(f"step {name}"):
            yield from self._step(part, data, name, at)
        elif kind == "compaction" and self._is_new(f"compaction {name}"):
            yield Record(Kind.COMPACTION, at)

    def _tool(self, part: Mapping[str, Any], at: float) -> Iterator[Record]:
        call, tool, state = str(part.get("callID") or ""), str(part.get("tool") or "tool"), mapping(part.get("state"))
        status, times, given = state.get("status"), mapping(state.get("time")), arguments_of(state.get("input"))
        if status != "pending" and self._is_new(f"call {call}"):
            yield Record(Kind.TOOL, time_of(times.get("start")) or at, call=call, tool=tool, arguments=given)
        if status not in ("completed", "error") or not self._is_new(f"result {call}"):
            return
        text, ok, end = (
            text_in(state.get("output") or state.get("error")),
            status == "completed",
            time_of(times.get("end")),
        )
        by = "" if ok else next((by for words, by in _DENIALS if words in text), "")
        kind = Kind.DENIED if by else Kind.RESULT
        yield Record(kind, end or at, text, call=call, tool=tool, arguments=given, ok=ok, by=by)

    def _step(self, part: Mapping[str, Any], data: Mapping[str, Any], name: str, at: float) -> Iterator[Record]:
        tokens = mapping(part.get("tokens"))
        cache = mapping(tokens.get("cache"))
        out = count(tokens, "output") + count(tokens, "reasoning")
        usage = Usage(count(tokens, "input"), out, count(cache, "read"), count(cache, "write"))
        model = str(data.get("model") or "")
        yield Record(Kind.USAGE, at, key=name or f"{at}", usage=usage, model=model, context=usage.total)
        if part.get("reason") == "stop":
            yield Record(Kind.TURN_END, at)


def _of(record: Record, agent: str) -> Record:
    from agentdeck.core.frozen import replace

    return replace(record, agent=agent)
