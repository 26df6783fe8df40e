"""The world that a Deck works with, as it is now."""

from __future__ import annotations

from pathlib import Path

from agentdeck.core.frozen import replace
from agentdeck.engine import roster
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import World
from agentdeck.system.config.settings import signs
from agentdeck.system.state.store import Store


class Current:
    """Belongs to one Deck, and is shared by its parts."""

    def __init__(self, world: World) -> None:
        self._world, self._signs = world, signs(world.root, *world.watched)

    @property
    def world(self) -> World:
        """Configured as the files say now. Each deed takes it once and keeps it."""
        found = signs(self.root, *self._world.watched)
        if found != self._signs:
            self._signs, self._world = found, replace(self._world)
        return self._world

    def trusted(self) -> World:
        """What a deed works with that uses the configuration: before anything is touched it is known to be approved."""
        world = self.world
        world.check_trust()
        return world

    @property
    def root(self) -> Path:
        return self._world.root

    @property
    def name(self) -> str:
        return self._world.deck

    @property
    def store(self) -> Store:
        return self._world.store

    def agent(self, name: str) -> AgentView:
        """The agent of that name, or the only one whose name begins so; raise NotFoundError without one."""
        return roster.agent(self.world, name)
