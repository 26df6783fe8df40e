"""`deck.races`: several agents do the same task, and one of them lands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from agentdeck.engine.api.current import Current
from agentdeck.engine.world import Note, silent

if TYPE_CHECKING:
    from agentdeck.engine.views import AgentView, QueuedTask, StartRequest, TaskEnd
    from agentdeck.engine.views.landings import Landing, LandRequest
    from agentdeck.engine.views.trials import Race, Standing


class Acts(Protocol):
    """What `Deck` does with single agents."""

    def start(self, request: StartRequest, note: Note) -> AgentView: ...

    def start_many(self, tasks: Sequence[QueuedTask], jobs: int, note: Note) -> list[TaskEnd]: ...

    def land(self, request: LandRequest, note: Note) -> Landing: ...

    def remove(self, name: str, note: Note, *, stop: bool) -> None: ...


class DeckRaces:
    def __init__(self, current: Current, acts: Acts) -> None:
        self._current, self._acts = current, acts

    def prepare(self, request: StartRequest, racers: str, *, metric: str | None = None, lower: bool = False) -> Race:
        """A race of `claude,codex,claude@deep` on the task of `request`, all from one commit; nobody is started yet.

        Raise where one of them could not be started. The same `id` is the same race.
        """
        from agentdeck.engine.trials import racing

        world = self._current.trusted()
        self._current.store.open()
        return racing.prepare(world, request, racers, metric, lower=lower)

    def start(self, race: Race, request: StartRequest, note: Note = silent, *, wait: bool = True) -> None:
        """Start the racers as `request` says, as the machine has room; with `wait`, return when all have ended. Those
        that were started before are not started again."""
        from agentdeck.engine.trials import racing

        tasks = racing.starts(race, request)
        if wait:
            self._acts.start_many(tasks, 0, note)
            return
        for task in tasks:
            self._acts.start(task.request, note)

    def all(self) -> list[Race]:
        """Every race, oldest first."""
        from agentdeck.engine.records.races import Races

        return Races(self._current.store).all()

    def standing(self, race_id: str = "", note: Note = silent) -> Standing:
        """Judge those that have ended, each as it would be on its base now: gate, metric, size, cost, time. What was
        judged before is not tested again. Without an id, the latest race."""
        from agentdeck.engine.records.races import Races
        from agentdeck.engine.trials import racing

        return racing.standing(self._current.trusted(), Races(self._current.store).get(race_id), note)

    def land(
        self, found: Standing, wanted: str, note: Note = silent, *, approved: str = "", keep: bool = False
    ) -> Landing | None:
        """Land the racer `wanted`, or the `best`, and remove the others unless `keep`; None where it had landed
        already."""
        from agentdeck.engine.trials import racing

        remove: Callable[[str, Note], None] = lambda name, to: self._acts.remove(name, to, stop=True)  # noqa: E731
        land = self._acts.land
        return racing.settle(
            self._current.trusted(), found, wanted, land, remove, approved=approved, keep=keep, note=note
        )
