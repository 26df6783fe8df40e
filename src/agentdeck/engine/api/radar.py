"""`deck.radar`: which agents will collide with their base or one another."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from agentdeck.engine.api.current import Current
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import Note, silent

if TYPE_CHECKING:
    from agentdeck.core.merging.radar import RadarReport
    from agentdeck.engine.radar.radar import Radar
    from agentdeck.engine.views.radar import Collision, KnownMark


class DeckRadar:
    def __init__(self, current: Current) -> None:
        self._current = current
        self._kept: Radar | None = None

    def look(self, names: Sequence[str] = (), note: Note = silent) -> RadarReport:
        """Look once: at `names`, or at all that have not landed. What those on other hosts made is fetched first."""
        from agentdeck.engine.radar.radar import look

        if (self._current.store.folder / "fleet").is_dir():
            from agentdeck.engine.fleet.refreshing import fetch

            fetch(self._current.world, names, note)
        return look(self._current.world, names, note)

    def follow(
        self, names: Sequence[str] = (), note: Note = silent, stop: threading.Event | None = None
    ) -> Iterator[RadarReport]:
        """Look whenever something moves, until `stop` is set; without one, for ever."""
        from agentdeck.engine.radar.following import follow

        return follow(self._current.world, names, note, stop)

    def marks(self, views: Sequence[AgentView]) -> dict[str, KnownMark]:
        """What the last look said of each of `views`, by name; runs no git. One that was never seen is not in it."""
        from agentdeck.engine.radar.marks import read_marks

        return read_marks(self._current.world, views)

    def signs(self, view: AgentView) -> list[list[int]]:
        """What changes when the agent or its base commits, stages or checks out; runs no git."""
        from agentdeck.engine.radar.marks import signs

        return signs(self._current.world, view)

    def rescan(self, views: Sequence[AgentView], changed: Collection[str] | None = None) -> RadarReport:
        """Look at `views` again with all that the last call found out. Where `changed` is given, only those agents have
        moved since. One thread at a time."""
        from agentdeck.engine.radar.radar import Radar, to_land

        if self._kept is None:
            self._kept, changed = Radar(self._current.world), None
        return self._kept.scan(to_land(views), changed=changed)

    def collision(self, name: str, other: str, *, is_agent: bool) -> Collision:
        """Both sides of each place in which the agent `name` conflicts with the agent or the branch `other`; takes as
        long as a merge of both, and changes nothing."""
        from agentdeck.engine.radar.collisions import collision

        return collision(self._current.world, name, other, is_agent=is_agent)

    def cancel(self) -> None:
        """End the rescan that goes on in another thread, as soon as may be."""
        if self._kept is not None:
            self._kept.cancel()
