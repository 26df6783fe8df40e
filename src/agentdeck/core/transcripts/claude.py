"""Claude Code's transcript (`projects/SLUG/SESSION.jsonl`), and what `-p --output-format stream-json` prints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agentdeck.core.accounts.meters import of_claude_event
from agentdeck.core.providers.token_usage import Usage
from agentdeck.core.question import Option, Question
from agentdeck.core.transcripts.reading import arguments_of, count, mapping, mappings, parse, text_in, time_of
from agentdeck.core.transcripts.records import Kind, Record

_LONG = 65536
_BULKY = (b'"attachment":{', b'"type":"api-request', b'"type":"file-history')
"""Near the beginning of lines that hold nothing for us, and may be long."""
_DENIED_BY = {"user-rejected": "user", "permission-rule": "rule"}
_NOT_DENIED = ("interrupted", "cancelled")
_DENIALS = (
    (re.compile(r"The user doesn't want to (?:proceed|take this action)"), "user"),
    (re.compile(r"requested permissions? (?:to|for) .* haven't granted it yet|requires approval", re.DOTALL), "rule"),
    (re.compile(r"requires (?:permission, but|user approval)|Cannot ask user questions in non-interactive"), "rule"),
    (re.compile(r"Permission to use .* (?:has been )?denied", re.DOTALL), "rule"),
)
"""What results say of a denial in versions that do not mark it, and in Qwen Code."""
_INTERRUPTED = "[Request interrupted by user"
_SYNTHETIC = "<synthetic>"
"""The model of what Claude Code itself says; `error` beside it is how a headless run marks the failure of a request."""
_UNSAID = "No response requested."
"""What Claude Code writes in the model's place when a session that was cut off is resumed."""
_ASKS = "AskUserQuestion"
_SUBAGENTS = ("Task", "Agent")


class ClaudeReader:
    def __init__(self, agent: str = "") -> None:
        self._agent = agent
        self._session = self._model = ""
        self._failed = ""
        """Why the last request failed, which a headless run's last line repeats."""
        self._told: tuple[str, Usage] | None = None
        self._subagents: dict[str, str] = {}
        self._calls: dict[str, tuple[str, str]] = {}
        """The name and arguments of each tool that was called and has not returned."""

    def read(self, line: bytes) -> Iterator[Record]:
        if len(line) > _LONG and any(mark in line[:600] for mark in _BULKY):
            return
        data = parse(line)
        if data is None:
            return
        at = time_of(data.get("timestamp"))
        agent = self._agent or (str(data.get("agentId") or "") if data.get("isSidechain") else "")
        if parent := data.get("parent_tool_use_id"):
            agent = self._subagents.get(str(parent), str(parent))
        yield from self._session_of(data, at)
        kind = data.get("type")
        if kind == "assistant":
            yield from self._assistant(data, at, agent)
        elif kind == "user":
            yield from self._user(data, at, agent)
        elif kind == "system":
            yield from self._system(data, at, agent)
        elif kind == "rate_limit_event":
            yield from self._limits(data.get("rate_limit_info"), at)
        elif kind == "cost-state":
            yield from self._cost(data.get("totalCostUSD"), at)
        elif kind == "result":
            yield from self._result(data, at)

    def _limits(self, info: object, at: float) -> Iterator[Record]:
        if windows := of_claude_event(info):
            yield Record(Kind.LIMITS, at, windows=windows)

    def _session_of(self, data: Mapping[str, Any], at: float) -> Iterator[Record]:
        session = data.get("sessionId") or data.get("session_id")
        if isinstance(session, str) and session != self._session and isinstance(data.get("cwd"), str):
            self._session = session
            self._model = str(data.get("model") or self._model)
            yield Record(Kind.SESSION, at, data["cwd"], session=session, model=self._model)

    # What the model says

    def _assistant(self, data: Mapping[str, Any], at: float, agent: str) -> Iterator[Record]:
        message = mapping(data.get("message"))
        model = message.get("model")
        if data.get("isApiErrorMessage") or (model == _SYNTHETIC and data.get("error")):
            status = data.get("apiErrorStatus")
            number = status if isinstance(status, int) else None
            self._failed = why = text_in(message.get("content"))
            yield Record(Kind.ERROR, at, why, agent=agent, by=str(data.get("error") or ""), status=number)
            return
        if isinstance(model, str) and not model.startswith("<"):
            self._model = model
        if model == _SYNTHETIC and text_in(message.get("content")) == _UNSAID:
            return
        for block in mappings(message.get("content")):
            yield from self._block(block, at, agent)
            if message.get("stop_reason") == "end_turn" and block.get("type") == "text":
                yield Record(Kind.TURN_END, at, text_in(block), agent=agent)
        yield from self._usage(message, at, agent)

    def _block(self, block: Mapping[str, Any], at: float, agent: str) -> Iterator[Record]:
        kind = block.get("type")
        if kind == "text" and text_in(block).strip():
            yield Record(Kind.TEXT, at, text_in(block), agent=agent)
        elif kind == "thinking" and block.get("thinking"):
            yield Record(Kind.THINKING, at, text_in(block["thinking"]), agent=agent)
        elif kind in ("tool_use", "server_tool_use"):
            call, tool, given = str(block.get("id") or ""), str(block.get("name") or "tool"), block.get("input")
            arguments = arguments_of(given)
            self._calls[call] = (tool, arguments)
            if tool == _ASKS:
                yield Record(Kind.QUESTION, at, agent=agent, call=call, tool=tool, questions=questions_in(given))
                return
            yield Record(Kind.TOOL, at, agent=agent, call=call, tool=tool, arguments=arguments)
            if tool in _SUBAGENTS:
                self._subagents[call] = _name_of(mapping(given)) or call
                yield Record(Kind.SUBAGENT, at, agent=agent, call=call, by=self._subagents[call])

    def _usage(self, message: Mapping[str, Any], at: float, agent: str) -> Iterator[Record]:
        fields, key = mapping(message.get("usage")), str(message.get("id") or "")
        usage = Usage(
            count(fields, "input_tokens"),
            count(fields, "output_tokens"),
            count(fields, "cache_read_input_tokens"),
            count(fields, "cache_creation_input_tokens"),
        )
        if not key or usage == Usage() or self._told == (key, usage):
            return
        self._told = (key, usage)
        yield Record(Kind.USAGE, at, agent=agent, key=key, usage=usage, model=self._model, context=usage.total)

    # What it is told

    def _user(self, data: Mapping[str, Any], at: float, agent: str) -> Iterator[Record]:
        content = mapping(data.get("message")).get("content")
        if data.get("isMeta") or data.get("isCompactSummary"):
            return
        for block in content if isinstance(content, list) else [content]:
            if mapping(block).get("type") == "tool_result":
                yield from self._returned(mapping(block), data, at, agent)
            elif (text := text_in(block)).startswith(_INTERRUPTED):
                yield Record(Kind.INTERRUPTED, at, agent=agent)
            elif text.strip():
                yield Record(Kind.USER, at, text, agent=agent)

    def _returned(self, block: Mapping[str, Any], data: Mapping[str, Any], at: float, agent: str) -> Iterator[Record]:
        call, text, ok = str(block.get("tool_use_id") or ""), text_in(block.get("content")), not block.get("is_error")
        tool, arguments = self._calls.pop(call, ("tool", ""))
        by = _denier(str(data.get("toolDenialKind") or ""), "" if ok else text)
        if by:
            yield Record(Kind.DENIED, at, text, agent=agent, call=call, tool=tool, arguments=arguments, ok=False, by=by)
        elif tool == _ASKS and ok:
            yield Record(Kind.ANSWERED, at, text, agent=agent, call=call)
        else:
            yield Record(Kind.RESULT, at, text, agent=agent, call=call, tool=tool, arguments=arguments, ok=ok)
        if tool in _SUBAGENTS:
            yield Record(Kind.SUBAGENT, at, agent=agent, call=call, ok=False)
            self._subagents.pop(call, None)

    def _system(self, data: Mapping[str, Any], at: float, agent: str) -> Iterator[Record]:
        kind = data.get("subtype")
        if kind == "turn_duration":
            seconds = data.get("durationMs")
            yield Record(Kind.TURN_END, at, seconds=seconds / 1000 if isinstance(seconds, int | float) else None)
        elif kind == "compact_boundary":
            facts = mapping(data.get("compactMetadata") or data.get("compact_metadata"))
            left = count(facts, "postTokens", "post_tokens") or None
            yield Record(Kind.COMPACTION, at, str(facts.get("trigger") or ""), agent=agent, context=left)
        elif kind == "api_retry":
            yield _retry(data, at, agent)

    # What ends a run

    def _cost(self, value: object, at: float) -> Iterator[Record]:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield Record(Kind.COST, at, cost=float(value), session=self._session)

    def _result(self, data: Mapping[str, Any], at: float) -> Iterator[Record]:
        """The last line of a headless run, which alone knows of some denials."""
        for each in mappings(data.get("permission_denials")):
            call, tool = str(each.get("tool_use_id") or ""), str(each.get("tool_name") or "tool")
            given = arguments_of(each.get("tool_input"))
            yield Record(Kind.DENIED, at, call=call, tool=tool, arguments=given, ok=False, by="rule")
        for model, used in mapping(data.get("modelUsage")).items():
            window = count(mapping(used), "contextWindow")
            if window and model.partition("[")[0] == self._model.partition("[")[0]:
                yield Record(Kind.SESSION, at, session=self._session, model=self._model, window=window)
        yield from self._cost(data.get("total_cost_usd"), at)
        seconds, ok, text = data.get("duration_ms"), not data.get("is_error"), text_in(data.get("result"))
        if not ok:
            status = data.get("api_error_status")
            why = text or str(data.get("subtype") or "it failed").replace("_", " ")
            if why != self._failed:
                yield Record(Kind.ERROR, at, why, status=status if isinstance(status, int) else None)
        took = seconds / 1000 if isinstance(seconds, int | float) else None
        yield Record(Kind.TURN_END, at, text, ok=ok, seconds=took)


def _retry(data: Mapping[str, Any], at: float, agent: str) -> Record:
    status, pause = data.get("error_status"), data.get("retry_delay_ms")
    status = status if isinstance(status, int) else None
    why = str(data.get("error") or "no answer").replace("_", " ") + (f" ({status})" if status else "")
    tries = count(data, "attempt"), count(data, "max_retries")
    seconds = pause / 1000 if isinstance(pause, int | float) else None
    text = f"{why}, retry {tries[0]} of {tries[1]}"
    return Record(Kind.RETRY, at, text, agent=agent, status=status, seconds=seconds)


def _denier(marked: str, text: str) -> str:
    """Who denied the tool; empty where nobody did."""
    if marked:
        return "" if marked in _NOT_DENIED else _DENIED_BY.get(marked, marked.replace("-", " "))
    return denied_by(text)


def denied_by(failure: str) -> str:
    """Who denied the tool that failed with these words; empty where nobody did."""
    return next((by for pattern, by in _DENIALS if pattern.search(failure[:1000])), "")


def _name_of(given: Mapping[str, Any]) -> str:
    return ": ".join(filter(None, (str(given.get("subagent_type") or ""), str(given.get("description") or ""))))


def questions_in(given: object) -> tuple[Question, ...]:
    """The questions in the input of the tool by which the model asks; of a hook's report too."""
    return tuple(
        Question(
            text_in(each.get("question")),
            options=tuple(
                Option(text_in(own.get("label")), text_in(own.get("description")))
                for own in mappings(each.get("options"))
            ),
            multiple=bool(each.get("multiSelect")),
        )
        for each in mappings(mapping(given).get("questions"))
    )
