"""What is reported to a runner, as states: by agent CLIs through their own hooks, and by the gateway. Standard library
only: the runner uses it.

The payloads are those of Claude Code's hooks (`hook_event_name`), of Codex's `notify` and of our gateway (`type`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentdeck.core.agents.agent import Fault, State


@dataclass(frozen=True, slots=True)
class Report:
    state: State | None = None
    """None: it says nothing about the state."""
    reason: str = ""
    fault: Fault = Fault.NONE
    session: str = ""
    model: str = ""


_CLAUDE_FAULTS = {
    "rate_limit": (State.LIMITED, Fault.LIMITED),
    "billing_error": (State.LIMITED, Fault.LIMITED),
    "overloaded": (State.LIMITED, Fault.PROVIDER),
    "server_error": (State.FAILED, Fault.PROVIDER),
    "authentication_failed": (State.FAILED, Fault.AUTH),
}
_BUDGET = "agentdeck-budget"
_WORK = frozenset({"UserPromptSubmit", "PreToolUse", "PostToolUse"})


def budget_report(reason: str) -> dict[str, str]:
    """What the gateway tells an agent's runner: that it refused a request because of `reason`, a budget that is spent;
    empty when it lets requests pass again. No client's error text says that reliably."""
    return {"type": _BUDGET, "reason": reason}


def read_report(payload: Mapping[str, Any]) -> Report | None:
    """What `payload` says; None where it is not known."""
    if "hook_event_name" in payload:
        return _claude(payload)
    if payload.get("type") == "agent-turn-complete":
        return Report(State.DONE, session=_text(payload, "thread-id"))
    if payload.get("type") == _BUDGET:
        reason = _text(payload, "reason")
        return Report(State.LIMITED, reason, Fault.BUDGET) if reason else Report(State.WORKING)
    return None


def _claude(payload: Mapping[str, Any]) -> Report:
    event, session = payload["hook_event_name"], _text(payload, "session_id")
    if event in _WORK:
        return Report(State.WORKING, session=session)
    if event == "PermissionRequest":
        return Report(State.WAITING, f"asks to use {_tool(payload)}", session=session)
    if event == "StopFailure":
        error = _text(payload, "error")
        state, fault = _CLAUDE_FAULTS.get(error, (State.FAILED, Fault.CRASHED))
        return Report(state, error.replace("_", " ") or "failed", fault, session)
    kind = _text(payload, "notification_type")
    if event == "Stop" or kind == "idle_prompt":
        return Report(State.DONE, session=session)
    if kind in ("permission_prompt", "elicitation_dialog"):
        return Report(State.WAITING, _text(payload, "message") or "asks for a permission", session=session)
    return Report(session=session, model=_text(payload, "model"))


def _tool(payload: Mapping[str, Any]) -> str:
    tool, given = _text(payload, "tool_name") or "a tool", payload.get("tool_input")
    if isinstance(given, Mapping):
        subject = given.get("command") or given.get("file_path") or given.get("url")
        if isinstance(subject, str):
            return f"{tool}: {' '.join(subject.split())[:80]}"
    return tool


def _text(payload: Mapping[str, Any], key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""
