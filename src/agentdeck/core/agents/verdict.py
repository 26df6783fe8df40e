"""Whether an agent has done something: what its own record, the gateway and git say of its work, as a verdict.

Exit code 0 says nothing: the CLIs end so after a denied tool, after an error of their provider, and with a question.
Standard library only, for the runner.
"""

from __future__ import annotations

import re
from enum import StrEnum

from agentdeck.core.agents.agent import PASSING_FAULTS, Fault, Result, State
from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.text.patterns import late
from agentdeck.core.transcripts.reading import one_line
from agentdeck.core.transcripts.records import Kind, Record

_REASON_MAX = 160
_KEPT = 20
_READ_ONLY = late(r"Read-only file system")
"""How a sandbox refuses to write, whatever the exit code of the command is."""
_BLOCKED = late(r"Read-only file system|Operation not permitted|sandbox[^\n]{0,40} (?:denied|blocked)", re.IGNORECASE)
"""The same of a command that failed."""
_API_ERROR = late(r"\A\s*\[?API Error\b")
"""How some CLIs give an error of their provider as an answer of the model's."""
_CALLERS = late(
    r"\A\s*\[?(?:API Error:? *)?4(?:00|04|13|22)\b(?!.*(?:credit|quota|balance))", re.IGNORECASE | re.DOTALL
)
"""An error that is the request's own fault, whoever serves it: asked again, it is refused again."""
_BY_PERSON = ("user", "interrupted")
_QUESTION = late(r"[?？]\W*\Z")


class Change(StrEnum):
    """What git says of the worktree since the run began."""

    UNKNOWN = ""
    BROKEN = "broken"
    """Git can't tell, though it could when the run began: the worktree is damaged or gone."""
    NONE = "none"
    MOVED = "moved"
    """HEAD is elsewhere, and no new commit has changed a file."""
    UNCOMMITTED = "uncommitted"
    """Files have changed that are not committed."""
    COMMITTED = "committed"
    """New commits have changed files, and all is committed."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a run, or of a turn, that ended well as far as its program says."""

    denied: tuple[str, ...] = ()
    """The tools that were not allowed, with what they were for."""
    error: str = ""
    """Why the last request to the model failed."""
    last_words: str = ""
    unserved: str = ""
    """Why no provider served the last request, as the gateway says."""
    unserved_fault: Fault = Fault.PROVIDER
    change: Change = Change.UNKNOWN
    level: str = ""
    """The permission level of the run; empty where it has none."""

    def take(self, record: Record, *, attended: bool) -> Evidence:
        """The evidence with one more record of the transcript; `attended`: a “no” is a person's, who knows of it."""
        if record.kind is Kind.DENIED:
            by_person = attended and record.by in _BY_PERSON
            return self if by_person else self._denied(f"{record.tool} {record.arguments}".strip())
        if record.kind is Kind.RESULT:
            return self._denied(_refusal(record))
        return self if record.agent else self._of_turn(record)

    def _of_turn(self, record: Record) -> Evidence:
        if record.kind is Kind.USER:
            return replace(self, denied=(), error="", last_words="")
        if record.kind is Kind.TEXT:
            error = record.text.strip(" []\n") if _API_ERROR.match(record.text) else ""
            return replace(self, error=error, last_words=record.text)
        if record.kind is Kind.ERROR or (record.kind is Kind.TURN_END and not record.ok):
            return replace(self, error=record.text or self.error or "its turn failed")
        return self

    def _denied(self, what: str) -> Evidence:
        what = " ".join(what.split())[:_REASON_MAX]
        return self if not what or what in self.denied else replace(self, denied=(*self.denied, what)[-_KEPT:])


@dataclass(frozen=True, slots=True)
class Verdict:
    state: State
    result: Result = Result.NONE
    reason: str = ""
    fault: Fault = Fault.NONE


def verdict(evidence: Evidence, *, over: bool) -> Verdict:
    """How a run stands that ended well as far as its program says; `over`: the program itself has ended, and can't be
    answered any more. DONE without a result means that all of its work is committed."""
    failed = _failure(evidence)
    if failed is not None:
        return failed
    if _asks(evidence.last_words) and evidence.change in (Change.NONE, Change.MOVED, Change.UNKNOWN):
        return Verdict(State.FAILED if over else State.WAITING, Result.ASKED, f"asks: {_question(evidence.last_words)}")
    if evidence.change is Change.NONE:
        return Verdict(State.DONE, Result.UNCHANGED, "nothing changed")
    if evidence.change is Change.MOVED:
        return Verdict(State.DONE, Result.UNCHANGED, "HEAD moved, but no new commit changes a file")
    if evidence.change is Change.UNCOMMITTED:
        return Verdict(State.DONE, Result.UNCOMMITTED, "uncommitted")
    return Verdict(State.DONE, reason=_told_of_denials(evidence) if evidence.denied else "")


def _failure(evidence: Evidence) -> Verdict | None:
    if evidence.unserved and (evidence.error or evidence.change is not Change.COMMITTED):
        result = Result.UNSERVED if evidence.unserved_fault in PASSING_FAULTS else Result.ERROR
        return Verdict(State.FAILED, result, _cut(evidence.unserved) or "no provider serves", evidence.unserved_fault)
    if evidence.error:
        fault = Fault.NONE if _CALLERS.match(evidence.error) else Fault.PROVIDER
        return Verdict(State.FAILED, Result.ERROR, _cut(evidence.error) or "its last request failed", fault)
    if evidence.change is Change.BROKEN:
        return Verdict(State.FAILED, Result.ERROR, "git can't read its worktree any more")
    if evidence.denied and evidence.change is not Change.COMMITTED:
        return Verdict(State.FAILED, Result.DENIED, _told_of_denials(evidence), Fault.DENIED)
    return None


def _refusal(result: Record) -> str:
    """The line of a tool's result in which the system's sandbox refuses something; empty where none does."""
    match = (_READ_ONLY if result.ok else _BLOCKED).search(result.text)
    if match is None:
        return ""
    start = result.text.rfind("\n", 0, match.start()) + 1
    end = result.text.find("\n", match.end())
    return result.text[start : end if end >= 0 else None].strip()


def _told_of_denials(evidence: Evidence) -> str:
    level = f" (permission level: {evidence.level})" if evidence.level else ""
    more = f" and {len(evidence.denied) - 1} more" if len(evidence.denied) > 1 else ""
    return f"denied {_cut(evidence.denied[0])}{more}{level}"


def _asks(words: str) -> bool:
    return _QUESTION.search(words.rstrip()) is not None


def _question(words: str) -> str:
    """The last paragraph, or as much of its end as a row can show."""
    text = " ".join(words.strip().rpartition("\n\n")[2].split())
    return text if len(text) <= _REASON_MAX else "…" + text[1 - _REASON_MAX :]


def _cut(text: str) -> str:
    return one_line(text, _REASON_MAX)
