"""Change a queue while it lands: take an agent out of it, or let it land earlier or later."""

from __future__ import annotations

import time

from agentdeck.core.frozen import replace
from agentdeck.engine.records.landings import Entry, Landing, Landings, Stage
from agentdeck.engine.world import World
from agentdeck.errors import NotFoundError, RefusedError

_WAIT = 20.0
"""Seconds in which an agent that is on its way leaves the queue, its gate with it."""
_LOOK = 0.1


def drop(world: World, name: str) -> str:
    """Take the agent out of the landing that it is in, and say what came of that. Raise RefusedError where it is too
    late, and NotFoundError where the agent is in no landing."""
    landings = Landings(world.store)
    landing = _landing_of(landings, name)
    if landing.entry(name).stage is Stage.MOVING:
        raise RefusedError(f"{name} is landing just now.", hint="“agentdeck undo” takes it back.")
    landings.wish(landing.id, lambda wishes: replace(wishes, dropped=(*wishes.dropped, name)))
    if landing.entry(name).stage is Stage.QUEUED and _waits_behind(landing, name):
        return f"{name} was taken out of the queue."
    end = _awaited(landings, landing.id, name)
    if end.stage is Stage.LANDED:
        raise RefusedError(f"{name} has landed meanwhile.", hint=f"agentdeck undo --step {end.step}")
    return f"{name} was taken out of the queue."


def _waits_behind(landing: Landing, name: str) -> bool:
    """Whether another agent of the same landing has its turn."""
    return any(
        not (entry.stage.is_end or entry.stage is Stage.QUEUED) for entry in landing.entries if entry.agent != name
    )


def _awaited(landings: Landings, landing_id: str, name: str) -> Entry:
    deadline = time.monotonic() + _WAIT
    while True:
        entry = landings.get(landing_id).entry(name)
        if entry.stage.is_end or not landings.is_running(landing_id):
            return entry
        if time.monotonic() > deadline:
            raise RefusedError(f"{name} is still in the queue.", hint="“agentdeck queue” says how far it is.")
        time.sleep(_LOOK)


def move(world: World, name: str, by: int) -> str:
    """Let the agent land one place earlier (-1) or later (1) among those of its landing that wait, or first of them
    (less than -1); say how they stand now."""
    landings = Landings(world.store)
    landing = _landing_of(landings, name)
    waiting = waiting_in(landings, landing)
    if name not in waiting:
        raise RefusedError(f"{name} is {landing.entry(name).stage} already.", hint="agentdeck queue")
    at = waiting.index(name)
    to = 0 if by < -1 else min(max(at + by, 0), len(waiting) - 1)
    if to == at:
        raise RefusedError(f"{name} is {'first' if to == 0 else 'last'} of those that wait already.")
    waiting.insert(to, waiting.pop(at))
    landings.wish(landing.id, lambda wishes: replace(wishes, order=tuple(waiting)))
    return f"Next to land: {', '.join(waiting)}."


def waiting_in(landings: Landings, landing: Landing) -> list[str]:
    """The agents of a landing whose turn is still to come, in the order in which they will land."""
    wishes = landings.wishes(landing.id)
    queued = [entry.agent for entry in landing.entries if entry.stage is Stage.QUEUED]
    return [name for name in wishes.sorted(queued) if name not in wishes.dropped]


def _landing_of(landings: Landings, name: str) -> Landing:
    """The landing that runs now and has the agent among those that have not come to an end."""
    for landing in reversed(landings.all()):
        entry = next((each for each in landing.entries if each.agent == name), None)
        if entry is not None and landing.ended is None and not entry.stage.is_end and landings.is_running(landing.id):
            return landing
    raise NotFoundError(f"{name} is not in the landing queue.", hint="agentdeck queue")
