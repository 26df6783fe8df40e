"""`deck.history`: what was done that can be taken back, and what can be cleared away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from agentdeck.engine.api.current import Current
from agentdeck.engine.world import Note, silent

if TYPE_CHECKING:
    from agentdeck.engine.views.history import Stale, Step


class DeckHistory:
    def __init__(self, current: Current) -> None:
        self._current = current

    def steps(self) -> list[Step]:
        """Every removal, landing, prune and undo that is still known, oldest first."""
        from agentdeck.engine.records.steps import Steps

        return Steps(self._current.store).all()

    def step(self, number: int | None = None) -> Step:
        """The step of that number, or the one that `undo` takes back without one; raise NotFoundError without any."""
        from agentdeck.engine.records.steps import Steps

        steps = Steps(self._current.store)
        return steps.latest() if number is None else steps.get(number)

    def undo(self, number: int | None = None, note: Note = silent) -> Step:
        """Take back the step of that number, or the latest that was not; return the step which that is.

        Raise RefusedError, with nothing changed, where it can't be as it was. A landing can be taken back without
        approval of what it brought.
        """
        from agentdeck.engine.history import undo

        step = self.step(number)
        world = self._current.trusted() if undo.uses_configuration(step) else self._current.world
        return undo.undo(world, step, note)

    def needs_trust(self, number: int | None = None) -> bool:
        """Whether taking that step back uses the configuration."""
        from agentdeck.engine.history.undo import uses_configuration

        return uses_configuration(self.step(number))

    def stale(self) -> list[Stale]:
        """What `prune` would clear away, and why; nothing is touched."""
        from agentdeck.engine.history.prune import find_stale

        return [stale.told() for stale in find_stale(self._current.world)]

    def prune(self, found: Iterable[Stale], note: Note = silent) -> tuple[Step | None, list[Stale]]:
        """Clear away what `stale` found; return the step that undoes it, and what could not be cleared."""
        from agentdeck.engine.history.prune import prune

        return prune(self._current.trusted(), found, note)
