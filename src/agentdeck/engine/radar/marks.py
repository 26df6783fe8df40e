"""What the last look of the radar said of each agent, read so cheaply that `agentdeck ls` can."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import State
from agentdeck.core.merging.radar import Mark, RadarReport, Verdict
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.radar import KnownMark
from agentdeck.engine.world import World
from agentdeck.system.files.files import from_json, sign, text_of, write_atomic
from agentdeck.system.git.checkouts import moving_files

_FORMAT = 1
_HOLDS = 30.0
"""Seconds for which a mark is taken to hold although its agent is at work."""
_RENEWED = 10.0
"""Seconds after which a mark that says the same is written again, for its time."""


def write_marks(world: World, report: RadarReport, views: Sequence[AgentView]) -> None:
    path = _path(world)
    before = _read(path)
    names = set(world.store.names())
    agents = {name: fields for name, fields in before.items() if name in names}
    for view in views:
        mark = report.worst(view.name)
        agents.pop(view.name, None)
        if mark is not None:
            agents[view.name] = [mark.verdict, list(mark.others), report.at, signs(world, view)]
    if not _like(agents, before, report.at):
        text = json.dumps({"format": _FORMAT, "agents": agents}, ensure_ascii=False, separators=(",", ":"))
        write_atomic(path, text)


def read_marks(world: World, views: Sequence[AgentView]) -> dict[str, KnownMark]:
    """By name, what is known of `views`; one that the radar never saw, or that has landed, is not in it."""
    told = _read(_path(world))
    now = time.time()
    by_name = {view.name: view for view in views}
    same = {
        name
        for name, (_, _, at, kept) in told.items()
        if (view := by_name.get(name)) is not None and kept == signs(world, view) and _rests(view, at, now)
    }
    found = {}
    for name in by_name.keys() & told.keys():
        if by_name[name].state is State.LANDED:
            continue
        verdict, others, at, _ = told[name]
        # An other that is no agent is a base branch, whose move the agent's own signs tell.
        moved = [other for other in others if other in told and other not in same]
        found[name] = KnownMark(Mark(Verdict(verdict), tuple(others)), at, name in same and not moved)
    return found


def _rests(view: AgentView, at: float, now: float) -> bool:
    """Whether nobody can have been at work in its worktree since, or only for a moment."""
    return now - at <= _HOLDS or not (view.state.is_live or view.alive or view.since > at)


def signs(world: World, view: AgentView) -> list[list[int]]:
    """What changes when the agent or its base commits, stages or checks out; runs no git."""
    lease = view.agent.worktree
    git_dir = lease.git_dir or "/nowhere" if lease else "/nowhere"
    places = moving_files(git_dir, world.repo.common, view.branch, view.base)
    return [list(sign(place)) for place in (*places, f"{git_dir}/MERGE_HEAD")]


def _path(world: World) -> Path:
    return world.store.folder / "radar" / "marks.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        data = from_json(text_of(path))
        if data["format"] == _FORMAT:
            return {name: fields for name, fields in data["agents"].items() if _is_sound(fields)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return {}


def _is_sound(fields: Any) -> bool:
    if not (isinstance(fields, list) and len(fields) == 4 and fields[0] in list(Verdict)):
        return False
    return isinstance(fields[1], list) and isinstance(fields[2], float)


def _like(agents: dict[str, Any], before: dict[str, Any], now: float) -> bool:
    def said(told: dict[str, Any]) -> dict[str, Any]:
        return {name: [fields[0], fields[1], fields[3]] for name, fields in told.items()}

    return said(agents) == said(before) and all(now - fields[2] < _RENEWED for fields in before.values())
