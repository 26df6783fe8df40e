"""`deck.watching`: know when something moves, without polling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from agentdeck.engine.api.current import Current

_NO_NEWS = frozenset({"session.cast"})
"""Files of an agent that tell nothing about how it stands, and move with whatever it prints."""


class DeckWatching:
    def __init__(self, current: Current) -> None:
        self._current = current

    def deck(self, names: Callable[[], list[str]], *, every: float, step: float) -> Iterator[None]:
        """Yield at once, then whenever the state of the agents called so moves, and `every` so many seconds. End when
        there are others to watch, or what is watched is gone."""
        from agentdeck.system.files.watch import ticks

        folders = self._folders(names())
        for _ in ticks(*folders, every=every, step=step, but=_NO_NEWS):
            yield
            if self._folders(names()) != folders:
                return

    def agent(self, name: str, *, every: float, step: float, calm: float = 0.0) -> Iterator[None]:
        """Yield at once, then whenever the agent prints or its state moves, and `every` so many seconds. `calm` is the
        `step` once nothing moved for so long."""
        from agentdeck.system.files.watch import ticks

        return ticks(self._current.store.agent_folder(name), every=every, step=step, calm=calm)

    def _folders(self, names: list[str]) -> tuple[Path, ...]:
        store = self._current.store
        agents = store.folder / "agents"
        if not agents.is_dir():
            return (store.folder if store.folder.is_dir() else self._current.world.repo.common,)
        return agents, *map(store.agent_folder, names)
