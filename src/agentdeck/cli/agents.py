"""An agent as JSON and as a row of a table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agentdeck.cli.output import DIM, RED, YELLOW, Cell, Output, TableColumn, state_cell
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain

if TYPE_CHECKING:
    from agentdeck.core.agents.questions import Question
    from agentdeck.engine.views import AgentView
    from agentdeck.engine.views.radar import KnownMark

MARK_STYLES = {"clean": DIM, "touches": YELLOW, "conflicts": RED}

_COLUMNS = [
    TableColumn("STATE", 10),
    TableColumn("NAME", 8),
    TableColumn("PROFILE", 6),
    TableColumn("BRANCH", 6),
    TableColumn("AGE", 3),
    TableColumn("RADAR", 9),
    TableColumn("REASON", 10),
]


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
        "permission": agent.permission,
        "timeout": agent.timeout,
        "failover": list(agent.failover) if agent.failover is not None else None,
        "env": sorted(agent.env),
        "id": agent.id,
        "runs": agent.runs,
        "created": agent.created,
        "started": status.started,
        "ended": status.ended,
        "exit_code": status.exit_code,
        "outcome": None if view.state.is_live else int(view.outcome),
        "session": status.session,
        "model": view.model,
        "activity": _activity(view),
        "served_by": None if view.serving is None else asdict(view.serving),
        "radar": known
        and {
            "verdict": known.mark.verdict,
            "with": list(known.mark.others),
            "at": known.at,
            "holds": known.holds,
        },
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


def telling_reason(view: AgentView) -> str:
    """The reason, where it says more than the state does; first of all what is wrong with its worktree."""
    return view.trouble or ("" if view.reason == view.state else view.reason)


def reason_part(view: AgentView) -> str:
    """The reason as the end of a sentence."""
    reason = plain(telling_reason(view))
    return f": {reason}" if reason else ""


def mark_cell(known: KnownMark | None, now: float) -> Cell:
    """What the radar last said of an agent, in a few words; where that may have changed, how long ago it was."""
    if known is None or (known.mark.verdict == "clean" and not known.holds):
        return Cell("")
    first, *rest = known.mark.others or ("",)
    text = f"{known.mark.verdict.glyph} {known.mark.verdict}"
    if known.mark.verdict != "clean":
        text += f" {first}" + (f" +{len(rest)}" if rest else "")
    if not known.holds:
        return Cell(f"{text} ({short_duration(now - known.at)} ago)", DIM)
    return Cell(text, MARK_STYLES[known.mark.verdict])


def print_agents(out: Output, views: Sequence[AgentView], marks: Mapping[str, KnownMark] | None = None) -> None:
    now, marks = time.time(), marks or {}
    rows = [
        [
            state_cell(view.state),
            Cell(view.name),
            Cell(view.profile, DIM),
            Cell(view.where, DIM),
            Cell(short_duration(now - view.since)),
            mark_cell(marks.get(view.name), now),
            Cell(telling_reason(view)),
        ]
        for view in views
    ]
    out.table(_COLUMNS, rows)
