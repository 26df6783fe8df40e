"""Type to the agent's program: its task where it takes that at its prompt only, and what people send to it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from agentdeck.core.agents.orders import Orders
from agentdeck.engine.runner.answering import Answering
from agentdeck.engine.runner.inbox import REFUSED, TAKEN, WITHDRAWN_AFTER
from agentdeck.engine.runner.watch import Watch
from agentdeck.system.files.files import read_json, write_json

_ENTER_AFTER = 0.2
"""Seconds after the program has read a text: CLIs take an Enter that comes sooner for a line of it."""
_ENTER_LATEST = 3.0
"""Seconds after which Enter is typed to a program that does not read what it has."""
_LOOK = 0.02
_ASKS = 0.5
"""Seconds between two looks at a dialog that a task would answer."""
_READY_AFTER = 15.0
"""Seconds of the program after which a task is typed even though the screen does not show that the program takes it."""
_STARTS = 180.0
"""Seconds of the program in which it counts as starting while its terminal edits lines, of which that keeps 4 KiB."""
_LOST_AFTER = 3.0
"""Seconds after which a task is lost that was typed too early: nothing of it is on the screen that takes it."""
_SHOWN = 12
"""Characters of a task that are on the screen if it was not."""
_UP_AFTER = 2.0
"""Seconds of the program after which it gets messages even though it has printed nothing."""
_LINE_MAX = 4095 if sys.platform == "linux" else 1023
"""Bytes of a line that a terminal keeps which edits lines; it drops the others."""
_PASTE_ON, _PASTE_OFF = b"\x1b[?2004h", b"\x1b[?2004l"
_PASTE_BEGIN, _PASTE_END = b"\x1b[200~", b"\x1b[201~"


class Typist:
    """All times are monotonic."""

    def __init__(
        self, send: Callable[[bytes], None], unread: Callable[[], bool], edits_lines: Callable[[], bool] = lambda: False
    ) -> None:
        """`unread` says whether something that was sent has not been read by the program yet, `edits_lines` whether its
        terminal keeps a line until its end."""
        self._send, self._unread, self._edits_lines = send, unread, edits_lines
        self._launched = time.monotonic()
        self._edited_at = 0.0
        """When its terminal was last seen to edit lines while it started."""
        self._begun = False
        """Whether the task was typed."""
        self._typed_blind = False
        """Whether the screen did not show then that the program takes it."""
        self._typed_at = 0.0
        self._read_at: float | None = None
        self._enter = False
        """Whether the text that was typed still needs its Enter."""
        self._wants_paste = False
        self._tail = b""
        """The end of the output, in which the beginning of a sequence may be."""

    def launched(self) -> None:
        """The program has just been started, and is no longer what is typed to."""
        self.begin()
        self._enter = False
        self._launched, self._edited_at = time.monotonic(), 0.0
        self._wants_paste, self._tail = False, b""

    def begin(self) -> None:
        """There is another text to type."""
        self._begun = False

    def output(self, data: bytes) -> None:
        """Learn from what the program prints whether it tells a paste from keys."""
        seen = self._tail + data
        on, off = seen.rfind(_PASTE_ON), seen.rfind(_PASTE_OFF)
        if on != off:
            self._wants_paste = on > off
        self._tail = seen[1 - len(_PASTE_ON) :]

    @property
    def busy(self) -> bool:
        return self._enter

    def would_cut(self, text: str) -> bool:
        """Whether the program would get only the beginning of a line of `text`."""
        return self._edits_lines() and any(len(line.encode()) > _LINE_MAX for line in text.splitlines())

    def has_begun(self, orders: Orders) -> bool:
        """Whether the task needs no more typing."""
        return self._begun or not orders.typed

    def is_ready(self, watch: Watch, now: float) -> bool:
        """Whether the program is up and has read what it got before."""
        is_up = watch.rested or now >= self._launched + _UP_AFTER
        patience = _ENTER_AFTER if self._edits_lines() else _ENTER_LATEST
        return is_up and (not self._unread() or now >= self._typed_at + patience)

    def tick(self, orders: Orders, watch: Watch, now: float) -> float | None:
        """Do what is due; return when the next of it is."""
        if self._enter:
            return self._press_enter(now)
        if self._typed_blind:
            return self._type_again(orders, watch, now)
        if self.has_begun(orders) or not watch.rested or watch.status.is_asking:
            return None
        # Some CLIs rest long before they take a key. One whose screen tells when it is idle is waited for.
        if orders.detectors.done and not watch.taking.shows_input and self._may_start(now):
            return now + _ASKS
        if watch.asks() is not None:
            return now + _ASKS
        self._begun = True
        self._typed_blind = bool(orders.detectors.done) and not watch.taking.shows_input
        self.type(orders.typed, now)
        watch.taking.typed()
        return now

    def _may_start(self, now: float) -> bool:
        """Whether it may be too early for a program that does not show that it takes a text."""
        if self._edits_lines() and now < self._launched + _STARTS:
            self._edited_at = now
        return now < max(self._launched, self._edited_at) + _READY_AFTER

    def _type_again(self, orders: Orders, watch: Watch, now: float) -> float | None:
        """A program that comes up slowly drops what it gets before."""
        if not watch.taking.is_awaited or watch.status.is_asking:
            self._typed_blind = False
            return None
        if not watch.taking.shows_input or now < self._typed_at + _LOST_AFTER:
            return now + _ASKS
        self._typed_blind = False
        if "".join(orders.typed.split())[:_SHOWN] not in "".join(watch.screen().split()):
            self.type(orders.typed, now)
        return now

    def type(self, text: str, now: float, *, enter: bool = True) -> None:
        data = text.encode("utf-8", "surrogateescape")
        if self._wants_paste:
            for mark in (_PASTE_BEGIN, _PASTE_END):
                data = data.replace(mark, b"")
            data = _PASTE_BEGIN + data + _PASTE_END
        self._send(data)
        self._enter, self._typed_at, self._read_at = enter, now, None

    def press_enter(self, now: float) -> None:
        self._enter, self._typed_at, self._read_at = True, now, None

    def _press_enter(self, now: float) -> float:
        if self._edits_lines():  # the program gets the line whole, whenever its end comes
            self._send(b"\r")
            self._enter = False
            return now
        if self._unread() and now < self._typed_at + _ENTER_LATEST:
            return now + _LOOK
        self._read_at = self._read_at or now
        if now >= self._read_at + _ENTER_AFTER:
            self._send(b"\r")
            self._enter = False
            return now
        return self._read_at + _ENTER_AFTER


class Messages:
    """What people send, typed one after the other in the order of its files' names; never into a dialog, where it would
    be an answer."""

    def __init__(self, folder: Path, typist: Typist, unsent: Callable[[], bool], answering: Answering) -> None:
        """`unsent` says whether something that was typed has not reached the program's terminal yet."""
        self._folder, self._typist, self._unsent, self._answering = folder, typist, unsent, answering
        self._current: Path | None = None
        self._is_waiting = True
        for left in (*folder.glob(f"*{TAKEN}"), *folder.glob(f"*{REFUSED}")):
            left.unlink()

    def look(self) -> None:
        """Something may have come."""
        self._is_waiting = True

    @property
    def busy(self) -> bool:
        return self._current is not None

    def tick(self, watch: Watch, now: float) -> float | None:
        if self._current is not None:
            if self._typist.busy or self._unsent():
                return now + _LOOK
            self._current.unlink(missing_ok=True)
            self._current = None
        if not self._is_waiting or self._typist.busy or watch.status.agent_pid is None:
            return None
        waiting = sorted(self._folder.glob("*.json"))
        if waiting and not self._typist.is_ready(watch, now):
            return now + _LOOK
        self._is_waiting = len(waiting) > 1
        if waiting:
            self._take(waiting[0], watch, now)
            return now
        return None

    def _take(self, path: Path, watch: Watch, now: float) -> None:
        taken = path.with_suffix(TAKEN)
        try:
            path.rename(taken)
            message = read_json(taken)
            text, enter, answers = message["text"], bool(message["enter"]), message.get("answers")
            fresh = abs(time.time() - message["at"]) < WITHDRAWN_AFTER
        except FileNotFoundError:  # withdrawn
            return
        except (OSError, ValueError, TypeError, KeyError):
            text, enter, fresh, answers = "", False, False, None
        self._current = taken
        if not fresh:
            return
        if answers is not None:
            if why := self._answering.answer(watch, answers["numbers"], text, answers["asked_at"]):
                write_json(taken.with_suffix(REFUSED), {"why": why})
            return
        if (question := watch.asks(text)) is not None:
            write_json(taken.with_suffix(REFUSED), {"question": question.text, "choices": question.choices})
            return
        if self._typist.would_cut(text):
            why = f"It reads lines of at most {_LINE_MAX:,} bytes, and this has a longer one. Nothing was typed."
            write_json(taken.with_suffix(REFUSED), {"why": why})
            return
        self._typist.type(text, now, enter=enter)
