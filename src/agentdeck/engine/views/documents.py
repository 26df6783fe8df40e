"""The objects of docs/json.md, as every host hands them on, and any other value as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from agentdeck.core.frozen import asdict, fields, is_dataclass
from agentdeck.errors import DeckError

if TYPE_CHECKING:
    from agentdeck.core.question import Question
    from agentdeck.engine.views import AgentView
    from agentdeck.engine.views.history import Stale, Step
    from agentdeck.engine.views.landings import Landing
    from agentdeck.engine.views.radar import Collision, KnownMark
    from agentdeck.system.state.messages import Message


def _activity(view: AgentView) -> dict[str, Any] | None:
    """What docs/json.md calls an agent's activity."""
    activity, tool = view.activity, view.tool
    if activity is None:
        return None
    return {
        "tool": tool and {"name": tool.tool, "arguments": tool.arguments, "since": tool.since},
        "sub_agents": list(activity.subagents.values()),
        "tokens": asdict(activity.usage),
        "requests": activity.requests,
        "context": activity.context,
        "context_window": activity.window,
        "compactions": activity.compactions,
        "denied": activity.denied,
        "error": activity.error,
        "last_words": activity.last_words,
        "at": activity.at or None,
    }


def agent_fields(view: AgentView, known: KnownMark | None = None) -> dict[str, Any]:
    """What docs/json.md calls an agent. The values of its variables are left out: they may be keys."""
    agent, status, tree = view.agent, view.status, view.agent.worktree
    return {
        "name": view.name,
        "title": agent.title,
        "task": agent.task,
        "profile": agent.profile,
        "current_profile": view.profile,
        "mode": agent.mode,
        "command": list(agent.argv),
        "state": view.state,
        "reason": view.reason,
        "fault": status.fault,
        "result": status.result,
        "questions": [question_fields(each) for each in status.questions],
        "messages": [message_fields(each) for each in view.messages],
        "since": view.since,
        "alive": view.alive,
        "branch": view.branch,
        "base": view.base,
        "base_commit": tree.base_commit if tree else agent.base_commit,
        "head": view.where,
        "worktree": str(view.worktree) if view.worktree else None,
        "worktree_problem": view.trouble or None,
        "folder": agent.folder,
        "ports": view.ports,
        "log": str(view.log) if view.log else None,
        "tier": agent.tier,
        "model_asked": agent.model,
        "permission": agent.permission,
        "box": agent.box,
        "timeout": agent.timeout,
        "failover": list(agent.failover) if agent.failover is not None else None,
        "env": sorted(agent.env),
        "id": agent.id,
        "parents": list(agent.parents),
        "closes": agent.closes or None,
        "pull": view.pull and {**asdict(view.pull), "number": view.pull.number, "short": view.pull.short},
        "landing_asked_by": agent.landing_asked or None,
        "runs": agent.runs,
        "created": agent.created,
        "started": status.started,
        "ended": status.ended,
        "exit_code": status.exit_code,
        "outcome": None if view.state.is_live else int(view.outcome),
        "session": status.session,
        "model": view.model,
        "activity": _activity(view),
        "served_by": None if view.last_served is None else asdict(view.last_served),
        "radar": known
        and {
            "verdict": known.mark.verdict,
            "with": list(known.mark.others),
            "at": known.at,
            "holds": known.holds,
        },
        "host": view.host or None,
        "epoch": agent.epoch or None,
        "unreachable_since": view.unreachable or None,
        "runner_pid": status.runner_pid,
        "agent_pid": status.agent_pid,
    }


def question_fields(question: Question) -> dict[str, Any]:
    """What docs/json.md calls a question."""
    return {
        "text": question.text,
        "kind": question.kind,
        "options": [{"label": each.label, "description": each.description} for each in question.options],
        "tool": question.tool,
        "subject": question.subject,
        "detail": question.detail,
        "multiple": question.multiple,
        "yes": question.yes,
        "no": question.no,
        "at": question.at,
    }


def message_fields(message: Message) -> dict[str, Any]:
    """What docs/json.md calls a message."""
    return {"text": message.text, "at": message.at, "stage": message.stage}


def landing_fields(landing: Landing) -> dict[str, Any]:
    """What docs/json.md calls a landing."""
    entries = []
    for entry in landing.entries:
        fields = asdict(entry)
        del fields["parts"]
        fields["conflicts"] = [{**asdict(conflict), "where": conflict.where} for conflict in entry.conflicts]
        entries.append(fields)
    return {
        "id": landing.id,
        "at": landing.at,
        "ended": landing.ended,
        "method": landing.method,
        "gate": list(landing.gate),
        "entries": entries,
        "pushed": landing.pushed,
        "unpushed": landing.unpushed,
        "unpushed_detail": landing.unpushed_detail,
        "unpushed_hint": landing.unpushed_hint,
    }


def step_fields(step: Step) -> dict[str, Any]:
    """What docs/json.md calls a step."""
    from agentdeck.engine.views.history import part_to_json

    return {
        "number": step.number,
        "at": step.at,
        "text": step.text,
        "undone": step.undone or None,
        "undoes": step.undoes or None,
        "parts": [part_to_json(part) for part in step.parts],
    }


def stale_fields(stale: Stale) -> dict[str, Any]:
    """What docs/json.md calls an item of `stale`."""
    names = ("kind", "what", "why", "room", "can_be_undone")
    return {name: getattr(stale, name) for name in names}


_DOCUMENTS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "AgentView": agent_fields,
    "Landing": landing_fields,
    "Step": step_fields,
}
"""By the name of their class: a verb that only lists agents does not load the others."""


def to_json(value: Any) -> Any:
    """`value`, which the Deck gave, made of nothing but what `json.dumps` takes. Raise TypeError for what lives, as a
    reader of screens."""
    if (document := _DOCUMENTS.get(type(value).__name__)) is not None:
        value = document(value)
    elif isinstance(value, DeckError):
        value = {"title": value.title, "detail": value.detail, "hint": value.hint}
    elif is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    elif isinstance(value, set | frozenset):
        value = sorted(value)
    elif isinstance(value, PurePath):
        value = str(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} is no value")


def collision_fields(found: Collision) -> dict[str, Any]:
    """What docs/json.md calls a conflict with both sides."""
    return {**asdict(found), "places": [{**asdict(place), "where": place.where} for place in found.places]}
