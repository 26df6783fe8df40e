"""`deck.delegation`: what an agent does through the deck; a person has other ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.delegation import below
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.engine.api.current import Current
from agentdeck.engine.lifecycle.notifying import poke
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import silent
from agentdeck.errors import RefusedError

if TYPE_CHECKING:
    from agentdeck.engine.lifecycle.asking import Asked
    from agentdeck.engine.views.money import Purse


class DeckDelegation:
    def __init__(self, current: Current) -> None:
        self._current = current

    def caller(self) -> str:
        """The agent of this deck whose program calls; empty where a person does."""
        from agentdeck.engine.lifecycle.delegating import caller

        return caller(self._current.world)

    def purse(self, name: str) -> Purse:
        """What the agent and its family have cost, and what they may cost together."""
        from agentdeck.engine.lifecycle.delegating import purse

        return purse(self._current.world, name)

    def is_below(self, name: str, parent: str) -> bool:
        """Whether `parent` started the agent, or one that did."""
        return any(agent.name == name for agent in below(parent, self._current.store.agents()))

    def ask(self, name: str, question: str, choices: Sequence[str] = ()) -> Asked:
        """Let the agent ask a person; the caller looks for the answer and closes the question."""
        from agentdeck.engine.lifecycle.asking import Asked

        return Asked(self._current.world, name, question, choices)

    def request_landing(self, name: str, by: str) -> AgentView:
        """Ask a person to land what the agent has done; the list says so until it lands or works again.

        Raise RefusedError where it is not done.
        """
        world = self._current.trusted()
        view = self._current.agent(name)
        if view.state is not State.DONE:
            raise RefusedError(f"{view.name} is {view.state}; only what is done can land.")
        with self._current.store.operation(view.name, wait=2):
            agent = self._current.store.agent(view.name)
            if agent is not None and agent.landing_asked != by:
                self._current.store.save(replace(agent, landing_asked=by))
                text = f"{by} asks to land it; “agentdeck merge {view.name}” does"
                world.note(Event(EventKind.LANDING_REQUESTED, view.name, text, {"by": by}), silent)
                poke(world)
        return self._current.agent(view.name)

    def message(self, name: str, text: str, sender: str) -> bool:
        """Give the agent a message of another one, once it is idle; return whether it has it already. One that has
        ended goes on with it where `sender` is above it.

        Raise RefusedError where it can't get one now, or has had several in a row with no person in between.
        """
        from agentdeck.engine.lifecycle.messaging import message

        return message(self._current.world, self._current.agent(name), text, sender)
