"""`deck.starts`: the agents that wait until this machine has room for them."""

from __future__ import annotations

from agentdeck.core.agents.admission import Waiting
from agentdeck.engine.api.current import Current
from agentdeck.engine.lifecycle import delegating
from agentdeck.errors import RefusedError
from agentdeck.system.state import startqueue


class DeckStarts:
    def __init__(self, current: Current) -> None:
        self._current = current

    def waiting(self) -> list[Waiting]:
        """All agents of this user that wait on this machine, of every repository, in their order."""
        return startqueue.waiting(startqueue.folder())

    def now(self, name: str) -> str:
        """Let the agent begin at once; return its name. Raise RefusedError where it does not wait."""
        view, world = self._current.agent(name), self._current.world
        if delegating.caller(world):
            raise RefusedError("Only a person lets an agent begin before its turn.")
        folder = str(world.store.agent_folder(view.name))
        if not view.alive or folder not in (each.folder for each in self.waiting()):
            raise RefusedError(f"{view.name} doesn't wait for room; it is {view.state}.", hint="agentdeck queue")
        world.store.let_start_now(view.name)
        return view.name
