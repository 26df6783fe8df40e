"""All that is typed to the agent's program: its task, what people type, and the messages that wait for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from agentdeck.core.agents.events import Event
from agentdeck.core.agents.orders import Orders
from agentdeck.core.transcripts.records import Record
from agentdeck.engine.runner.answering import Answering
from agentdeck.engine.runner.delivery import Delivery
from agentdeck.engine.runner.typist import MESSAGES, Messages, Typist
from agentdeck.engine.runner.watch import Watch
from agentdeck.system.files.files import private_folder
from agentdeck.system.state.messages import MessageQueue
from agentdeck.system.terminal.pty import PtyRelay


class Keyboard:
    def __init__(
        self, relay: PtyRelay, folder: Path, answering: Answering, queue: MessageQueue, told: Callable[[Event], None]
    ) -> None:
        self._typist = Typist(relay.send, relay.unread)
        self._messages = Messages(private_folder(folder / MESSAGES), self._typist, relay.unsent, answering)
        self._delivery = Delivery(queue, self._typist, relay.unsent, told)

    def launched(self) -> None:
        """The program has just been started, and is no longer what was typed to."""
        self._typist.launched()

    def ended(self, agent: str) -> None:
        """The program has ended."""
        self._delivery.ended(agent)

    def begin(self) -> None:
        """There is another text to type, in place of the task."""
        self._typist.begin()

    def look(self) -> None:
        """Something to type may have come."""
        self._messages.look()
        self._delivery.look()

    def output(self, data: bytes) -> None:
        self._typist.output(data)

    def take(self, agent: str, records: Sequence[Record]) -> None:
        self._delivery.take(agent, records)

    def tick(self, orders: Orders, watch: Watch, now: float) -> list[float | None]:
        """Do what is due; return when the next of it is."""
        due = [self._typist.tick(orders, watch, now), self._messages.tick(watch, now)]
        ready = self._typist.has_begun(orders) and not self._messages.busy
        return [*due, self._delivery.tick(orders.agent, watch, now, ready=ready)]
