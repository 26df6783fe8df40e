"""`deck.messages`: what was sent to agents and has not reached them."""

from __future__ import annotations

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.transcripts.reading import one_line
from agentdeck.engine.api.current import Current
from agentdeck.engine.world import silent
from agentdeck.errors import RefusedError
from agentdeck.system.state.messages import Message, Stage


class DeckMessages:
    def __init__(self, current: Current) -> None:
        self._current = current

    def of(self, name: str) -> list[Message]:
        """Those that wait, and those that may not have arrived, in the order in which they were sent."""
        return self._current.store.messages(name).all()

    def take_back(self, name: str, message: Message) -> None:
        """Delete the message; raise RefusedError where the agent is being given it or has it."""
        queue = self._current.store.messages(name)
        if message.stage is Stage.TYPED or not queue.delete(message.key, message.stage):
            raise RefusedError(f"{name} is being given that message.", hint=f"agentdeck messages {name}")
        text = f"taken back: {one_line(message.text, 80)}"
        self._current.world.note(Event(EventKind.INPUT_WITHDRAWN, name, text), silent)

    def send_again(self, name: str, message: Message) -> None:
        """Let a message that may not have arrived wait for the agent once more."""
        store = self._current.store
        if not store.messages(name).move(message.key, Stage.UNSURE, Stage.WAITING):
            raise RefusedError(f"That message has not failed to reach {name}.", hint=f"agentdeck messages {name}")
        self._current.world.note(Event(EventKind.INPUT_QUEUED, name, one_line(message.text, 80)), silent)
        store.wake_runner(name)
