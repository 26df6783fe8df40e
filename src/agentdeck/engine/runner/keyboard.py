"""All that is typed to the agent's program: its task, what people type, and the messages that wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agentdeck.core.agents.events import Event
from agentdeck.core.agents.orders import Orders
from agentdeck.core.transcripts.records import Record
from agentdeck.engine.runner.answering import Answering
from agentdeck.engine.runner.delivery import Delivery
from agentdeck.engine.runner.inbox import MESSAGES
from agentdeck.engine.runner.typist import Messages, Typist
from agentdeck.engine.runner.watch import Watch
from agentdeck.system.files.files import private_folder
from agentdeck.system.state.messages import MessageQueue
from agentdeck.system.terminal.pty import PtyRelay

_WRITES = 120.0
"""Seconds after their last key in which a person is taken to be writing."""
_SOON = 1.0
_PASTE = b"\x1b[200~"
_ENDS = (b"\r", b"\n", b"\x03", b"\x04", b"\x15")
"""Keys that send a line or drop it."""


class Draft:
    """What a person has begun to type at the terminal, to which nothing of ours may be added."""

    def __init__(self) -> None:
        self._typed_at: float | None = None
        self._asks = False

    def typed(self, data: bytes) -> None:
        if data and (not data.startswith(b"\x1b") or data.startswith(_PASTE)):  # no arrow, no mouse
            self._typed_at = None if data.endswith(_ENDS) else time.monotonic()

    def asked(self, asks: bool) -> None:
        """Whether the agent asks something now; what was typed to a question that is over has answered it."""
        if self._asks and not asks:
            self._typed_at = None
        self._asks = asks

    def is_open(self, now: float) -> bool:
        return self._typed_at is not None and now < self._typed_at + _WRITES


class Keyboard:
    def __init__(
        self, relay: PtyRelay, folder: Path, answering: Answering, queue: MessageQueue, told: Callable[[Event], None]
    ) -> None:
        self._typist = Typist(relay.send, relay.unread, relay.edits_lines)
        self._messages = Messages(private_folder(folder / MESSAGES), self._typist, relay.unsent, answering)
        self._delivery = Delivery(queue, self._typist, relay.unsent, told)
        self.draft = Draft()
        relay.on_keys = self.draft.typed

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
        if self.draft.is_open(now) and not self._delivery.busy:
            return [*due, now + _SOON]
        ready = self._typist.has_begun(orders) and not self._messages.busy
        return [*due, self._delivery.tick(orders.agent, watch, now, ready=ready)]
