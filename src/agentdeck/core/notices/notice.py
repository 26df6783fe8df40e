"""One notice: that an agent needs a person, and what for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from agentdeck.core.agents.agent import Fault, State
from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.question import Question
from agentdeck.core.text.secrets import masked
from agentdeck.core.text.text import cut, plain

_BODY_MAX = 600
_WORDS = {"waiting": "waits", "failed": "failed", "limited": "is limited", "budget": "has spent its budget"}


@dataclass(frozen=True, slots=True)
class Notice:
    agent: str
    kind: str
    """`waiting`, `failed`, `limited`, `budget` or `landed`."""
    key: str
    """The same for the same question or the same end: it is told once."""
    title: str
    body: str = ""


def kind_of(state: State, fault: Fault, *, landing_asked: bool) -> str:
    """Which kind of notice an agent that stands like this is worth; empty for none."""
    if fault is Fault.BUDGET and state in (State.LIMITED, State.FAILED):
        return "budget"
    if state is State.DONE and landing_asked:
        return "waiting"
    return state.value if state in (State.WAITING, State.FAILED, State.LIMITED, State.LANDED) else ""


def key_of(kind: str, since: float, question: Question | None, reason: str) -> str:
    if question is not None:
        told = [question.text, question.subject, question.detail, *(option.label for option in question.options)]
        return f"{kind}-{_mark(chr(0).join(told))}-{int(question.at)}"
    return f"{kind}-{int(since)}-{_mark(reason)}"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def body_of(question: Question | None, reason: str, facts: str) -> str:
    """The question with its choices and what it is about, or the reason; then the facts."""
    lines = [reason]
    if question is not None:
        options = [f"{number} {each.label}" for number, each in enumerate(question.options, 1)]
        lines = [question.text, question.subject, question.detail, *options]
    text = "\n".join(plain(line) for part in lines if part for line in part.splitlines())
    return f"{masked(cut(text, _BODY_MAX))}\n{facts}".strip()


def with_line(notice: Notice, line: str) -> Notice:
    return replace(notice, body=f"{notice.body}\n{line}")


def title_of(agent: str, kind: str, repository: str) -> str:
    return f"{agent} {_WORDS.get(kind, kind)} · {plain(repository)}"


def bundle(notices: Sequence[Notice]) -> Notice:
    """All of them as one."""
    if len(notices) == 1:
        return notices[0]
    names = ", ".join(notice.agent for notice in notices)
    body = "\n\n".join(f"{notice.title}\n{notice.body}".strip() for notice in notices)
    return Notice(names, notices[0].kind, "", f"{len(notices)} agents need you: {cut(names, 60)}", body)
