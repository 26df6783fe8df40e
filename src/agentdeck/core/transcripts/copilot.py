"""Copilot CLI's transcript (`session-state/SESSION/events.jsonl`), and what its headless runs print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentdeck.core.providers.token_usage import Usage
from agentdeck.core.question import Question
from agentdeck.core.transcripts.reading import arguments_of, count, mapping, parse, text_in, time_of
from agentdeck.core.transcripts.records import Kind, Record

_DENIALS = {"denied": "rule", "rejected": "user"}


class CopilotReader:
    def __init__(self, agent: str = "") -> None:
        self._agent = agent
        self._session = self._model = ""
        self._requests = 0
        self._calls: dict[str, tuple[str, str]] = {}
        self._goes_on = False
        """Whether the model has called tools in this step of its turn, so that another step follows."""

    def read(self, line: bytes) -> Iterator[Record]:
        event = parse(line)
        if event is None or event.get("ephemeral"):
            return
        kind, data, at = str(event.get("type") or ""), mapping(event.get("data")), time_of(event.get("timestamp"))
        if kind in ("session.start", "session.resume"):
            self._session = str(data.get("sessionId") or self._session)
            self._model = str(data.get("selectedModel") or self._model)
            folder = text_in(mapping(data.get("context")).get("cwd"))
            yield self._record(Kind.SESSION, at, folder, session=self._session, model=self._model)
        elif kind in ("user.message", "assistant.message"):
            self._goes_on = bool(data.get("toolRequests"))
            if text := text_in(data.get("content")):
                yield self._record(Kind.USER if kind == "user.message" else Kind.TEXT, at, text)
        elif kind == "assistant.reasoning":
            yield self._record(Kind.THINKING, at, text_in(data.get("content")))
        elif kind.startswith("tool."):
            yield from self._tool(kind, data, at)
        elif kind.startswith("permission."):
            yield from self._permission(kind, data, at)
        elif kind == "session.usage_record":
            yield from self._usage(mapping(data.get("usage")), str(event.get("id") or ""), at)
        else:
            yield from self._rest(kind, data, at)

    def _record(self, kind: Kind, at: float, text: str = "", **fields: Any) -> Record:
        return Record(kind, at, text, agent=self._agent, **fields)

    def _tool(self, kind: str, data: Mapping[str, Any], at: float) -> Iterator[Record]:
        call = str(data.get("toolCallId") or "")
        if kind == "tool.execution_start":
            tool, given = str(data.get("toolName") or "tool"), arguments_of(data.get("arguments"))
            self._calls[call] = (tool, given)
            yield self._record(Kind.TOOL, at, call=call, tool=tool, arguments=given)
        elif kind == "tool.execution_complete":
            tool, given = self._calls.pop(call, ("tool", ""))
            ok, error = bool(data.get("success")), mapping(data.get("error"))
            text = text_in(mapping(data.get("result")).get("content")) or text_in(error.get("message"))
            by = _DENIALS.get(str(error.get("code") or ""), "")
            shown = Kind.DENIED if by else Kind.RESULT
            yield self._record(shown, at, text, call=call, tool=tool, arguments=given, ok=ok, by=by)

    def _permission(self, kind: str, data: Mapping[str, Any], at: float) -> Iterator[Record]:
        call = str(data.get("requestId") or "")
        if kind == "permission.requested":
            asked = mapping(data.get("permissionRequest"))
            about = asked.get("fullCommandText") or asked.get("fileName") or asked.get("url") or asked.get("toolName")
            text = " ".join(filter(None, (f"allow {asked.get('kind') or 'it'}", arguments_of(about))))
            yield self._record(Kind.QUESTION, at, call=call, questions=(Question(f"{text}?"),))
        elif kind == "permission.completed":
            said = str(mapping(data.get("result")).get("kind") or "")
            yield self._record(Kind.ANSWERED, at, said, call=call)
            if said == "cancelled":  # its tool is never said to have ended
                call = str(data.get("toolCallId") or "")
                tool, given = self._calls.pop(call, ("tool", ""))
                yield self._record(Kind.DENIED, at, call=call, tool=tool, arguments=given, ok=False, by="user")

    def _usage(self, fields: Mapping[str, Any], key: str, at: float) -> Iterator[Record]:
        cached, written = count(fields, "cacheReadTokens"), count(fields, "cacheWriteTokens")
        asked, out = count(fields, "inputTokens"), count(fields, "outputTokens")
        self._model = str(fields.get("model") or self._model)
        yield self._record(
            Kind.USAGE,
            at,
            key=key or f"{self._session}:{at}",
            usage=Usage(max(0, asked - cached - written), out, cached, written),
            model=self._model,
            context=asked + out,
            window=count(fields, "maxPromptTokens") or None,
        )

    def _rest(self, kind: str, data: Mapping[str, Any], at: float) -> Iterator[Record]:
        if kind == "session.model_change":
            self._model = str(data.get("newModel") or self._model)
            yield self._record(Kind.SESSION, at, session=self._session, model=self._model)
        elif kind == "session.error":
            yield self._record(Kind.ERROR, at, text_in(data.get("message")))
        elif kind == "abort":
            yield self._record(Kind.INTERRUPTED, at)
        elif kind == "session.compaction_complete":
            yield self._record(Kind.COMPACTION, at)
        elif kind == "session.idle" or (kind == "assistant.turn_end" and not self._goes_on):
            yield self._record(Kind.TURN_END, at)
        elif kind == "subagent.started":
            name = str(data.get("agentDisplayName") or data.get("agentName") or "sub-agent")
            yield self._record(Kind.SUBAGENT, at, call=str(data.get("toolCallId") or ""), by=name)
        elif kind in ("subagent.completed", "subagent.failed"):
            yield self._record(Kind.SUBAGENT, at, call=str(data.get("toolCallId") or ""), ok=False)
