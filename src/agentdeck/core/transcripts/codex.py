"""Codex's rollout (`sessions/Y/M/D/rollout-TIME-THREAD.jsonl`), and what `codex exec --json` prints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agentdeck.core.accounts.meters import of_codex
from agentdeck.core.providers.token_usage import Usage
from agentdeck.core.transcripts.reading import arguments_of, count, mapping, mappings, one_line, parse, text_in, time_of
from agentdeck.core.transcripts.records import Kind, Record

_LONG = 262144
_BULKY = (b'"type":"compacted"', b'"type":"world_state"')
_REJECTED = re.compile(r"(?:rejected|denied|aborted) by (?:the )?user", re.IGNORECASE)
_PATCH_FILE = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
_OUTPUT = re.compile(
    r"\A(?:Chunk ID|Wall time|Process|Original token count|Exit code)[\s\S]*?^(?:Output:\n|Output:\Z)", re.M
)
_EXIT = re.compile(r"^(?:Process exited with code|Exit code:) (\d+)", re.MULTILINE)


class CodexReader:
    def __init__(self, agent: str = "") -> None:
        self._agent = agent
        self._session = self._model = ""
        self._window: int | None = None
        self._total = self._turns = 0
        self._calls: dict[str, tuple[str, str]] = {}

    def read(self, line: bytes) -> Iterator[Record]:
        if len(line) > _LONG and (mark := next((each for each in _BULKY if each in line[:200]), None)):
            line = b"{%s}" % mark
        data = parse(line)
        if data is None:
            return
        at, kind, payload = time_of(data.get("timestamp")), data.get("type"), mapping(data.get("payload"))
        if kind == "session_meta":
            yield from self._meta(payload, at)
        elif kind == "turn_context":
            yield from self._turn_context(payload, at)
        elif kind == "event_msg":
            yield from self._event(payload, at)
        elif kind == "response_item":
            yield from self._item(payload, at)
        elif kind == "compacted":
            yield self._record(Kind.COMPACTION, at)
        elif isinstance(kind, str) and "." in kind:
            yield from self._printed(kind, data, at)

    def _record(self, kind: Kind, at: float, text: str = "", **fields: Any) -> Record:
        return Record(kind, at, text, agent=self._agent, **fields)

    def _meta(self, payload: Mapping[str, Any], at: float) -> Iterator[Record]:
        self._session = str(payload.get("id") or payload.get("session_id") or "")
        own = payload.get("thread_source") in (None, "user") and not isinstance(payload.get("source"), dict)
        yield self._record(Kind.SESSION, at, str(payload.get("cwd") or ""), session=self._session, ok=own)

    def _turn_context(self, payload: Mapping[str, Any], at: float) -> Iterator[Record]:
        model = payload.get("model")
        if isinstance(model, str) and model != self._model:
            self._model = model
            yield self._record(Kind.SESSION, at, str(payload.get("cwd") or ""), session=self._session, model=model)

    def _event(self, payload: Mapping[str, Any], at: float) -> Iterator[Record]:
        kind = payload.get("type")
        if kind == "item_completed":
            yield from self._completed(mapping(payload.get("item")), at)
        elif kind == "token_count":
            yield from self._tokens(mapping(payload.get("info")), at)
            if windows := of_codex(payload.get("rate_limits")):
                yield self._record(Kind.LIMITS, at, windows=windows)
        elif kind in ("task_started", "turn_started"):
            self._window = count(payload, "model_context_window") or self._window
            yield self._record(Kind.TURN_START, at, window=self._window)
            yield from self._at_work(at, ok=True)
        elif kind in ("task_complete", "turn_complete"):
            yield from self._turn_end(payload, at)
            yield from self._at_work(at, ok=False)
        elif kind == "turn_aborted":
            yield self._record(Kind.INTERRUPTED, at)
            yield from self._at_work(at, ok=False)
        elif kind == "error":
            yield self._record(Kind.ERROR, at, text_in(payload.get("message")))
        elif kind == "exec_command_end":  # before 0.130
            ok, output = payload.get("exit_code") == 0, text_in(payload.get("aggregated_output"))
            yield from self._returned(str(payload.get("call_id") or ""), output, at, ok=ok)
        elif kind in _OLD_TEXTS:
            yield self._record(_OLD_TEXTS[kind], at, text_in(payload.get("message") or payload.get("text")))

    def _completed(self, item: Mapping[str, Any], at: float) -> Iterator[Record]:
        kind, call = item.get("type"), str(item.get("id") or "")
        if kind in ("UserMessage", "AgentMessage"):
            yield self._record(Kind.USER if kind == "UserMessage" else Kind.TEXT, at, text_in(item.get("content")))
        elif kind == "Reasoning":
            if text := text_in(item.get("summary_text")):
                yield self._record(Kind.THINKING, at, text)
        elif kind == "CommandExecution":
            ok = item.get("exit_code") == 0 and item.get("status") != "declined"
            yield from self._returned(call, text_in(item.get("aggregated_output")), at, ok=ok, kind=str(item["status"]))
        elif kind == "FileChange":
            yield from self._returned(call, "", at, ok=item.get("status") == "completed", kind=str(item.get("status")))

        elif kind == "CollabAgentToolCall" and item.get("tool") == "spawn_agent":
            for each in mappings(item.get("receiver_agents")):
                thread, name = str(each.get("thread_id") or ""), str(each.get("agent_nickname") or "")
                yield self._record(Kind.SUBAGENT, at, call=thread, by=name or thread, session=thread)

    def _at_work(self, at: float, *, ok: bool) -> Iterator[Record]:
        """That this sub-agent begins or ends a turn."""
        if self._agent:
            yield self._record(Kind.SUBAGENT, at, call=self._session, by=self._agent, ok=ok)

    def _item(self, payload: Mapping[str, Any], at: float) -> Iterator[Record]:
        kind, call = payload.get("type"), str(payload.get("call_id") or payload.get("id") or "")
        if kind in ("function_call", "custom_tool_call", "local_shell_call"):
            tool = str(payload.get("name") or "shell")
            given = payload.get("arguments") or payload.get("input") or payload.get("action")
            named = _PATCH_FILE.findall(given) if isinstance(given, str) else []
            arguments = one_line(" ".join(named)) if named else arguments_of(given)
            self._calls[call] = (tool, arguments)
            yield self._record(Kind.TOOL, at, call=call, tool=tool, arguments=arguments)
        elif kind in ("function_call_output", "custom_tool_call_output") and call in self._calls:
            text = text_in(payload.get("output"))
            exit_code = _EXIT.search(text[:500])
            ok = exit_code is None or exit_code[1] == "0"
            yield from self._returned(call, _OUTPUT.sub("", text, 1), at, ok=ok)

    def _returned(self, call: str, text: str, at: float, *, ok: bool, kind: str = "") -> Iterator[Record]:
        if call not in self._calls:
            return  # its result was told in another form
        tool, arguments = self._calls.pop(call)
        if kind == "declined" or ((not text or len(text) < 300) and _REJECTED.search(text)):
            yield self._record(Kind.DENIED, at, text, call=call, tool=tool, arguments=arguments, ok=False, by="user")
            return
        yield self._record(Kind.RESULT, at, text, call=call, tool=tool, arguments=arguments, ok=ok)

    def _tokens(self, info: Mapping[str, Any], at: float) -> Iterator[Record]:
        total, last = mapping(info.get("total_token_usage")), mapping(info.get("last_token_usage"))
        self._window = count(info, "model_context_window") or self._window
        number = count(total, "total_tokens")
        if not number or number == self._total or not last:
            return
        self._total = number
        yield self._record(
            Kind.USAGE,
            at,
            key=f"{self._session}:{number}",
            usage=_usage(last),
            model=self._model,
            context=count(last, "total_tokens"),
            window=self._window,
        )

    def _turn_end(self, payload: Mapping[str, Any], at: float) -> Iterator[Record]:
        error, took = payload.get("error"), payload.get("duration_ms")
        why = text_in(mapping(error).get("message") or error) if error else ""
        if error:
            yield self._record(Kind.ERROR, at, why, by=_name_of(mapping(error).get("codex_error_info")))
        seconds = took / 1000 if isinstance(took, int | float) else None
        text = why or text_in(payload.get("last_agent_message"))
        yield self._record(Kind.TURN_END, at, text, ok=not error, seconds=seconds)

    # What `exec --json` prints

    def _printed(self, kind: str, data: Mapping[str, Any], at: float) -> Iterator[Record]:
        item = mapping(data.get("item"))
        if kind == "thread.started":
            self._session = str(data.get("thread_id") or "")
            yield self._record(Kind.SESSION, at, session=self._session)
        elif kind == "turn.started":
            yield self._record(Kind.TURN_START, at)
        elif kind == "turn.completed":
            self._turns += 1
            usage = _usage(mapping(data.get("usage")))
            yield self._record(
                Kind.USAGE, at, key=f"{self._session}:turn {self._turns}", usage=usage, model=self._model
            )
            yield self._record(Kind.TURN_END, at)
        elif kind == "turn.failed":
            why = text_in(mapping(data.get("error")).get("message"))
            yield self._record(Kind.ERROR, at, why)
            yield self._record(Kind.TURN_END, at, why, ok=False)
        elif kind in ("item.started", "item.completed"):
            yield from self._printed_item(item, at, done=kind == "item.completed")

    def _printed_item(self, item: Mapping[str, Any], at: float, *, done: bool) -> Iterator[Record]:
        kind, call = item.get("type"), str(item.get("id") or "")
        if kind in ("agent_message", "reasoning") and done:
            yield self._record(Kind.TEXT if kind == "agent_message" else Kind.THINKING, at, text_in(item.get("text")))
        elif kind in ("command_execution", "file_change", "mcp_tool_call", "web_search"):
            if call not in self._calls:
                given = item.get("command") or item.get("changes") or item.get("query") or item.get("tool")
                self._calls[call] = (kind, arguments_of(given))
                yield self._record(Kind.TOOL, at, call=call, tool=kind, arguments=self._calls[call][1])
            if done:
                ok = item.get("exit_code") in (0, None) and item.get("status") != "failed"
                yield from self._returned(
                    call, text_in(item.get("aggregated_output")), at, ok=ok, kind=str(item.get("status"))
                )


_OLD_TEXTS = {"user_message": Kind.USER, "agent_message": Kind.TEXT, "agent_reasoning": Kind.THINKING}
"""The events of versions before 0.130 that hold a text."""


def _usage(fields: Mapping[str, Any]) -> Usage:
    cached, written = count(fields, "cached_input_tokens"), count(fields, "cache_write_input_tokens")
    return Usage(
        max(0, count(fields, "input_tokens") - cached - written), count(fields, "output_tokens"), cached, written
    )


def _name_of(info: object) -> str:
    return info if isinstance(info, str) else next(iter(mapping(info)), "")
