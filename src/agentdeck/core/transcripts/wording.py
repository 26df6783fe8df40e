"""A transcript's records as lines of a log: who, what, and how it went. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator

from agentdeck.core.text.ansi import strip
from agentdeck.core.transcripts.records import Kind, Record

_RESULT_LINES = 12
"""Lines of a tool's result that are shown."""
_THOUGHT_LINES = 6
_TEXT_LINES = 200
_WIDTH = 2000
"""Characters of a line."""


_SAID = {
    Kind.USER: "you",
    Kind.TEXT: "agent",
    Kind.THINKING: "thinks",
    Kind.ANSWERED: "answered",
    Kind.ERROR: "error",
}


class Wording:
    """Words the records of one agent, in their order."""

    def __init__(self) -> None:
        self._call = ""
        """The tool call that was worded last; its result needs no name."""

    def lines(self, record: Record) -> Iterator[str]:
        """The lines of a log for `record`; none for what only counts. Lines after the first are indented."""
        mark = f"[{_clean(record.agent)}] " if record.agent else ""
        for line in self._lines(record):
            yield f"{mark}{line}"

    def _lines(self, record: Record) -> Iterator[str]:
        follows, kind = self._call == record.call, record.kind
        worded = list(self._result(record, follows=follows) if kind is Kind.RESULT else _other(record))
        if worded:
            self._call = record.call if kind is Kind.TOOL else ""
        yield from worded

    def _result(self, record: Record, *, follows: bool) -> Iterator[str]:
        lines = _shown(record.text, _RESULT_LINES)
        if not record.ok:
            yield f"{record.tool} failed: {record.arguments}" if not follows else f"{record.tool} failed"
        elif not follows and lines:
            yield f"{record.tool} returned: {record.arguments}"
        yield from (f"  {line}" for line in lines)


def _other(record: Record) -> Iterator[str]:
    kind = record.kind
    if kind in _SAID:
        most = _THOUGHT_LINES if kind is Kind.THINKING else _TEXT_LINES
        yield from _headed(_SAID[kind], _shown(record.text, most))
    elif kind is Kind.TOOL:
        yield _clean(f"{record.tool}: {record.arguments}".removesuffix(": "))
    elif kind is Kind.DENIED:
        by = f" by {record.by}" if record.by else ""
        yield _clean(f"denied{by}: {record.tool} {record.arguments}".rstrip())
        yield from (f"  {line}" for line in _shown(record.text, _RESULT_LINES))
    elif kind is Kind.QUESTION:
        for question in record.questions:
            options = ", ".join(f"{number} {each.label}" for number, each in enumerate(question.options, 1))
            yield _clean(f"asks: {question.text}{f' ({options})' if options else ''}")
    elif kind is Kind.RETRY:
        pause = f" in {record.seconds:.1f} s" if record.seconds is not None else ""
        yield _clean(f"{record.text}{pause}")
    elif kind is Kind.INTERRUPTED:
        yield "interrupted by a person"
    elif kind is Kind.COMPACTION:
        yield f"context compacted{f' to {record.context:,} tokens' if record.context else ''}"
    elif kind is Kind.TURN_END and record.seconds is not None:
        yield f"turn {'ended' if record.ok else 'failed'} after {record.seconds:.1f} s"
    elif kind is Kind.SUBAGENT and record.ok and record.by not in ("", record.agent):
        yield _clean(f"sub-agent: {record.by}")


def _headed(head: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"{head}: {lines[0]}"
    yield from (f"  {line}" for line in lines[1:])


def _shown(text: str, most: int) -> list[str]:
    """The lines of `text` that are shown, without its escape sequences, and how many are not."""
    lines = [_clean(line) for line in strip(text).strip("\n").splitlines()]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines if len(lines) <= most + 1 else [*lines[:most], f"… {len(lines) - most:,} more lines"]


def _clean(line: str) -> str:
    line = strip(line).replace("\r", "").replace("\n", " ").rstrip()
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
