"""Search the logs and the changes of several agents at once."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from agentdeck.engine.review.diffs import read
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.review import Match
from agentdeck.engine.world import World
from agentdeck.errors import DeckError
from agentdeck.system.machine.process import never
from agentdeck.system.state import logs

MOST = 200
"""Matches in one agent's log, the newest, and in its changes, the first."""


def pattern_of(text: str) -> re.Pattern[str]:
    """The text as it is; a capital letter in it makes the search case-sensitive."""
    return re.compile(re.escape(text), 0 if text != text.lower() else re.IGNORECASE)


def search(
    world: World, views: Sequence[AgentView], pattern: re.Pattern[str], stop: Callable[[], bool] = never
) -> Iterator[Match]:
    """What matches, agent by agent: first in its changes, then in its log, the newest first."""
    for view in views:
        if stop():
            return
        yield from _in_changes(world, view, pattern)
        yield from _in_log(view, pattern, stop)


def _in_changes(world: World, view: AgentView, pattern: re.Pattern[str]) -> Iterable[Match]:
    try:
        diff = read(world, view.agent)
    except (DeckError, OSError):
        return []  # it has none that can be read; its log may have something
    found = list[Match]()
    for file in diff.files:
        if pattern.search(file.path):
            found.append(Match(view.name, f"{file.path}", "", "changed file"))
        for line in file.lines:
            if line.kind in "+-" and pattern.search(line.text):
                found.append(Match(view.name, f"{file.path}:{line.new or line.old}", line.text, line.kind))
        if len(found) >= MOST:
            break
    return found[:MOST]


def _in_log(view: AgentView, pattern: re.Pattern[str], stop: Callable[[], bool]) -> Iterable[Match]:
    if view.log is None:
        return []
    found: deque[Match] = deque(maxlen=MOST)
    try:
        for line in logs.read_log(view.log):
            if pattern.search(line.text):
                found.appendleft(Match(view.name, "log", line.text, at=line.at))
            if stop():
                break
    except OSError:
        return []
    return found
