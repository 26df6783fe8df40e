"""Look at the agents again whenever something changed in a worktree, a branch or the deck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

from agentdeck.core.merging.radar import RadarReport
from agentdeck.engine import roster
from agentdeck.engine.radar.radar import Radar, to_land
from agentdeck.engine.world import Note, World, silent
from agentdeck.system.files.watch import changes

_PATIENCE = 30.0
"""Seconds after which all is looked at although nothing was heard: a lost notification costs no more than this."""


def follow(
    world: World, names: Sequence[str] = (), note: Note = silent, stop: Event | None = None
) -> Iterator[RadarReport]:
    """A report at once, then one whenever it says something else than the last, until `stop` is set or for ever.

    `names` as in Deck.radar.
    """
    stop = stop or Event()
    wanted = [roster.agent(world, name).name for name in names]
    radar = Radar(world)
    last: RadarReport | None = None
    for changed in _changed(world, radar, wanted, stop):
        found = radar.scan(to_land(roster.agents(world), wanted), note, changed=changed)
        report = found.about(wanted) if wanted else found
        if not report.is_like(last):
            last = report
            yield report


def _changed(world: World, radar: Radar, wanted: Sequence[str], stop: Event) -> Iterator[set[str] | None]:
    """The agents in whose worktrees something changed, None where it may be anything; looks at the places again after
    each."""
    yield None
    while not stop.is_set():
        places = radar.places(to_land(roster.agents(world), wanted))
        for paths in changes(places, _PATIENCE, stop):
            names = {name for path in paths for name in _owners(places, path)}
            yield names if names and "" not in names else None
            if radar.places(to_land(roster.agents(world), wanted)).keys() != places.keys():
                break


def _owners(places: dict[Path, str], path: Path) -> set[str]:
    return {places[each] for each in (path, path.parent) if each in places} or {""}
