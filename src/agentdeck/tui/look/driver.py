"""The terminal as the dashboard has it: what it answers never acts as keys, here or where it is lent to."""

from __future__ import annotations

import os
import selectors
import signal
import time
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from contextlib import suppress
from threading import Event

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.events import InputEvent, Paste
from textual.message import Message

from agentdeck.tui.look.answers import FENCE, KEY_WAIT, Answers

_LAST_ANSWERS = 0.3
"""Seconds that the terminal may take to answer what it was asked, before another program gets it."""


class KeyParser(XTermParser):
    """Textual's, which gets nothing but what a person did, and what Textual itself asked for."""

    def __init__(self, answers: Answers, debug: bool = False) -> None:
        super().__init__(debug)
        self.answers = answers

    def feed(self, data: str) -> Iterator[Message]:
        if not data or (data := self.answers.feed(data, time.monotonic())):
            yield from super().feed(data)

    def tick(self) -> Iterable[Message]:
        if late := self.answers.due(time.monotonic()):
            yield from super().feed(late)
            if self._timeout_time is not None:
                self._timeout_time = 0.0  # it has waited already
        yield from super().tick()


def _patience(parser: KeyParser, *, can_be_woken: bool) -> float | None:
    """Seconds after which the parser has to be asked although nothing came; None: never."""
    if parser.answers.waits:
        return KEY_WAIT / 4
    return None if can_be_woken and parser._timeout_time is None else KEY_WAIT


class DeckDriver(LinuxDriver):
    """Textual's driver of a terminal, with KeyParser.

    What is pressed after it was lent to another program, and before that program has it, is dropped.
    """

    _passed: Event | None = None
    """Set once the terminal has answered all that it was asked; None where nobody listens."""
    _is_leaving = _is_over = False
    _bell: tuple[int, int] | None = None
    """A pipe by which the thread that reads is woken for its end; without it, it would have to look again and again."""

    def start_application_mode(self) -> None:
        self._passed, self._is_leaving, self._is_over = Event(), False, False
        self._bell = self._bell or os.pipe()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is not None:
            self.write(FENCE)

    def disable_input(self) -> None:
        passed, self._passed = self._passed, None
        if passed is not None and self._writer_thread is not None:
            self._is_leaving = True
            passed.wait(_LAST_ANSWERS)
        bell, self._bell, self._is_over = self._bell, None, True
        if bell is not None:
            os.write(bell[1], b"\0")
        super().disable_input()
        for end in bell or ():
            os.close(end)

    def process_message(self, message: Message) -> None:
        if not (self._is_leaving and isinstance(message, (InputEvent, Paste))):
            super().process_message(message)

    def run_input_thread(self) -> None:
        """Read what comes from the terminal until `disable_input`."""
        answers = Answers()
        passed = self._passed
        answers.expect_fence(time.monotonic())
        parser = KeyParser(answers, self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            if (bell := self._bell) is not None:
                selector.register(bell[0], selectors.EVENT_READ)
            while not (self.exit_event.is_set() or self._is_over):
                ready = selector.select(_patience(parser, can_be_woken=bell is not None))
                if any(key.fd == self.fileno for key, _ in ready) and (text := decode(self._read())):
                    self._process(parser.feed(text))
                self._process(parser.tick())
                if passed is not None and not answers.is_fenced:
                    passed.set()
        with suppress(EOFError, ParseError):
            self._process(parser.feed(""))

    def _read(self) -> bytes:
        """Where the terminal is gone, end as a hangup ends it.

        SIGHUP may be ignored or have gone to another process, and the main thread may wait for the terminal to
        take more for good.
        """
        try:
            data = os.read(self.fileno, 4096)
        except OSError:
            data = b""
        if not data:
            os._exit(128 + signal.SIGHUP)
        return data

    def _process(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.process_message(message)
