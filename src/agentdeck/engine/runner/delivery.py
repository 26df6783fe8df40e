"""Give the agent the messages that wait for it, one each time that it is idle, and see that its turn begins.

A message is marked as typed before the first key of it: a runner that is killed meanwhile never types it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.transcripts.reading import one_line
from agentdeck.core.transcripts.records import Kind, Record
from agentdeck.engine.runner.typist import Typist
from agentdeck.engine.runner.watch import Watch
from agentdeck.system.state.messages import Message, MessageQueue, Stage

_PATIENCE = 20.0
"""Seconds in which a turn has to begin once the text was read."""
_ENTER_AGAIN = 3.0
"""Seconds after which Enter is pressed again: some CLIs take one that comes right after a text for a part of it."""
_LOOK = 0.05
_ASKING = 1.0
"""Seconds until the next look at an agent whose screen asks something, which its state does not say yet."""


class Delivery:
    """All times are monotonic."""

    def __init__(
        self, queue: MessageQueue, typist: Typist, unsent: Callable[[], bool], told: Callable[[Event], None]
    ) -> None:
        """`unsent` says whether something that was typed has not reached the program's terminal yet."""
        self._queue, self._typist, self._unsent, self._told = queue, typist, unsent, told
        self._current: Message | None = None
        self._turns = 0
        """How many turns had begun when the current message was typed."""
        self._read_at: float | None = None
        self._entered_again = False
        self._may_wait = True
        self._unsure = []
        for left in queue.all():
            if left.stage is Stage.TYPED:  # by a runner that was killed
                queue.move(left.key, Stage.TYPED, Stage.UNSURE)
            if left.stage is not Stage.WAITING:
                self._unsure.append(left)

    def look(self) -> None:
        """Something may have come."""
        self._may_wait = True

    @property
    def busy(self) -> bool:
        return self._current is not None

    def tick(self, agent: str, watch: Watch, now: float, *, ready: bool) -> float | None:
        """Do what is due; return when the next of it is. `ready` says whether nothing else is being typed."""
        if self._current is not None:
            return self._await_turn(agent, self._current, watch, now)
        if not self._may_wait or not watch.is_free or watch.status.agent_pid is None:
            return None
        waiting = [each for each in self._queue.all() if each.stage is Stage.WAITING]
        self._may_wait = bool(waiting)
        if not waiting:
            return None
        if not ready or not self._typist.is_ready(watch, now):
            return now + _LOOK
        message = waiting[0]
        if watch.asks(message.text) is not None:
            return now + _ASKING
        if self._queue.move(message.key, Stage.WAITING, Stage.TYPED):
            self._current, self._turns, self._read_at, self._entered_again = message, watch.turns, None, False
            self._typist.type(message.text, now)
        return now

    def take(self, agent: str, records: Sequence[Record]) -> None:
        """Learn from the CLI's transcript which messages it has."""
        for record in records:
            if record.kind is not Kind.USER or record.agent:
                continue
            if self._current is not None and _is_of(self._current.text, record.text):
                self._arrived(agent, self._current)
            known = (each for each in self._unsure if record.at >= each.at and _is_of(each.text, record.text))
            if (left := next(known, None)) is not None:
                self._unsure.remove(left)
                if self._queue.delete(left.key, Stage.UNSURE):
                    self._told(Event(EventKind.INPUT_SENT, agent, _shown(left.text)))

    def ended(self, agent: str) -> None:
        """The program has ended."""
        if self._current is not None:
            self._give_up(agent, self._current)
        self._may_wait = True

    def _await_turn(self, agent: str, message: Message, watch: Watch, now: float) -> float | None:
        if self._typist.busy or self._unsent():
            return now + _LOOK
        self._read_at = self._read_at or now
        if watch.turns > self._turns:
            self._arrived(agent, message)
            return now
        if not watch.knows_turns or message.text.startswith(("/", "!")):  # a command of the CLI's begins no turn
            watch.was_told()
            self._arrived(agent, message)
            return now
        if now >= self._read_at + _PATIENCE:
            self._give_up(agent, message)
            return now
        return self._enter_again(watch, self._read_at, now)

    def _enter_again(self, watch: Watch, read_at: float, now: float) -> float:
        if self._entered_again or watch.reports_turns:
            return read_at + _PATIENCE
        if now < read_at + _ENTER_AGAIN:
            return read_at + _ENTER_AGAIN
        self._entered_again = True
        if watch.is_free and watch.asks() is None:
            self._typist.press_enter(now)
        return now + _LOOK

    def _arrived(self, agent: str, message: Message) -> None:
        self._told(Event(EventKind.INPUT_SENT, agent, _shown(message.text)))
        self._queue.delete(message.key, Stage.TYPED)
        self._current, self._may_wait = None, True

    def _give_up(self, agent: str, message: Message) -> None:
        self._told(Event(EventKind.INPUT_UNSURE, agent, f"may not have received: {_shown(message.text)}"))
        self._queue.move(message.key, Stage.TYPED, Stage.UNSURE)
        self._current, self._may_wait = None, True
        self._unsure.append(message)


def _shown(text: str) -> str:
    return one_line(text, 80)


def _is_of(text: str, said: str) -> bool:
    """Whether a transcript, which may shorten what it says, has `text` in `said`."""
    return one_line(said)[:60] == one_line(text)[:60]
