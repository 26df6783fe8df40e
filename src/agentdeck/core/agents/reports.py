"""What is reported to a runner, as states: by agent CLIs through their own hooks, and by the gateway. Standard library
only: the runner uses it.

The payloads are those of Claude Code's and Codex' hooks (`hook_event_name`), of Codex' `notify` and of our gateway
(`type`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentdeck.core.accounts.meters import Window, of_claude
from agentdeck.core.agents.agent import Fault, State
from agentdeck.core.agents.questions import from_agent, permission, subject_of
from agentdeck.core.frozen import dataclass, field, replace
from agentdeck.core.question import Question
from agentdeck.core.transcripts.reading import word


@dataclass(frozen=True, slots=True)
class Report:
    state: State | None = None
    """None: it says nothing about the state."""
    reason: str = ""
    fault: Fault = Fault.NONE
    session: str = ""
    model: str = ""
    questions: tuple[Question, ...] = ()
    """What it asks from now on, beside what it asked already."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """The input of the tool that they are about."""
    interrupted: bool = False
    """Whether a person ended its turn."""
    begins: bool = False
    """Whether its turn begins with this."""
    finished: tuple[str, str] | None = None
    """The tool, and what it was about, that has run: a question about it is over."""
    window: int | None = None
    """Tokens that its context can hold."""
    limits: tuple[Window, ...] = ()
    """How much of its account's limits is used."""
    subagent: str = ""
    """The sub-agent that begins or, with `ended`, ends its work."""
    ended: bool = False
    background: bool = False
    """Whether its turn is over, and something that it started is still at work for it."""
    idle: bool = False
    """Whether it says that it has been at its prompt for a while, and not how it came there."""
    by_gateway: bool = False
    """Whether our gateway says it, which knows why a request failed."""
    withdrawn: str = ""
    """The question, by its hook, that it asks no more."""


_FAULTS = {
    "rate_limit": (State.LIMITED, Fault.LIMITED),
    "billing_error": (State.LIMITED, Fault.LIMITED),
    "overloaded": (State.LIMITED, Fault.PROVIDER),
    "server_error": (State.FAILED, Fault.PROVIDER),
    "authentication_failed": (State.FAILED, Fault.AUTH),
}
_REFUSALS = {fault.value: fault for fault in (Fault.BUDGET, Fault.PROVIDER, Fault.AUTH)}
_OVER = ("completed", "failed", "killed", "stopped")
_GATEWAY, _PERSON = "agentdeck-gateway", "agentdeck-question"
_WORK = frozenset({"UserPromptSubmit", "PreToolUse", "PostToolUse"})
_TITLE = "Generate a concise, single-line task title"
"""How the request begins of the hidden thread in which Codex names a session."""


def gateway_report(reason: str, fault: Fault) -> dict[str, str]:
    """What the gateway tells an agent's runner: that it refused a request because of `reason`; empty when it lets
    requests pass again. No client's error text says that reliably."""
    return {"type": _GATEWAY, "reason": reason, "fault": fault}


def person_report(key: str, question: str, choices: Sequence[str]) -> dict[str, Any]:
    """What the deck's own tools tell an agent's runner: that it asks a person, or, with no question, no more."""
    return {"type": _PERSON, "key": key, "question": question, "choices": list(choices)}


def read_report(payload: Mapping[str, Any], hook: str = "", at: float = 0.0) -> Report | None:
    """What `payload` says; None where it is not known. `hook` is what the report's hook is called, should it wait for
    an answer, and `at` when it reported."""
    if "hook_event_name" in payload:
        return _hook(payload, hook, at)
    if payload.get("type") == "agent-turn-complete":
        messages = payload.get("input-messages")
        if isinstance(messages, list) and any(str(each).startswith(_TITLE) for each in messages):
            return Report()
        return Report(State.DONE, session=word(payload.get("thread-id")))
    if isinstance(context := payload.get("context_window"), Mapping):
        size = context.get("context_window_size")
        window = size if isinstance(size, int) else None
        limits = of_claude(payload.get("rate_limits"))
        return Report(session=word(payload.get("session_id")), window=window, limits=limits)
    if payload.get("type") == _PERSON:
        return _of_deck(payload, at)
    return _of_gateway(payload) if payload.get("type") == _GATEWAY else None


def _of_gateway(payload: Mapping[str, Any]) -> Report:
    reason, fault = word(payload.get("reason")), word(payload.get("fault"))
    if not reason or fault not in _REFUSALS:
        return Report(State.WORKING, by_gateway=True)
    return Report(State.LIMITED, reason, _REFUSALS[fault], by_gateway=True)


def _of_deck(payload: Mapping[str, Any], at: float) -> Report:
    key, text = word(payload.get("key")), word(payload.get("question"))
    if not text:
        return Report(State.WORKING, withdrawn=key)
    return Report(State.WAITING, text, questions=(from_agent(text, payload.get("choices"), key, at),))


def _hook(payload: Mapping[str, Any], hook: str, at: float) -> Report:
    event, session = word(payload["hook_event_name"]), word(payload.get("session_id"))
    if payload.get("agent_id") and event not in ("PermissionRequest", "Notification"):
        # A sub-agent's turn is not its own.
        found = word(payload.get("agent_id")) if event in ("SubagentStart", "SubagentStop") else ""
        return Report(session=session, subagent=found, ended=event == "SubagentStop")
    if event in _WORK:
        ran = (
            (word(payload.get("tool_name")), subject_of(payload.get("tool_input"), word(payload.get("cwd"))))
            if event == "PostToolUse"
            else None
        )
        return Report(State.WORKING, session=session, begins=event == "UserPromptSubmit", finished=ran)
    if event == "PermissionRequest":
        questions = permission(payload, hook, at)
        given = payload.get("tool_input")
        given = given if isinstance(given, Mapping) else {}
        text = questions[0].text if questions else "asks a question"
        return Report(State.WAITING, text, session=session, questions=questions, given=given)
    kind = word(payload.get("notification_type"))
    if kind in ("permission_prompt", "elicitation_dialog"):
        return Report(State.WAITING, word(payload.get("message")) or "asks for a permission", session=session)
    ended = Report(State.DONE, idle=True) if kind == "idle_prompt" else _end(event, payload)
    return replace(ended, session=session) if ended else Report(session=session, model=word(payload.get("model")))


def _end(event: str, payload: Mapping[str, Any]) -> Report | None:
    """How a turn ended; None where none did."""
    if event == "StopFailure":
        error = word(payload.get("error"))
        state, fault = _FAULTS.get(error, (State.FAILED, Fault.CRASHED))
        return Report(state, error.replace("_", " ") or "failed", fault)
    if event == "Interrupt":
        return Report(State.DONE, interrupted=True)
    if event == "Stop" and (tasks := _running(payload.get("background_tasks"))):
        return Report(State.WORKING, f"{tasks} in the background", background=True)
    return Report(State.DONE) if event == "Stop" else None


def _running(tasks: Any) -> str:
    found = [each for each in tasks if isinstance(each, Mapping)] if isinstance(tasks, list) else []
    count = sum(each.get("status") not in _OVER for each in found)
    return "" if not count else "1 task" if count == 1 else f"{count} tasks"
