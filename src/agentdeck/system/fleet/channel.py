"""One connection to a host: a process whose standard input and output carry frames.

Home asks `{id, verb, words}`, the host answers `{id, result}` or `{id, error}`, and pushes `{push, …}` when it likes. A
host that is silent for too long counts as gone: the process is ended, and whoever waits is told.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from agentdeck import errors
from agentdeck.core.fleet.facts import PROTOCOL
from agentdeck.core.text.ansi import strip
from agentdeck.core.text.text import cut, plain
from agentdeck.errors import DeckError, ExitCode, MissingToolError, UnreachableError, UntrustedError, UsageError
from agentdeck.system.fleet.frames import FrameError, FrameReader, encode

HELLO = 20.0
"""Seconds that a host may take to answer at all."""
ANSWER = 15.0
"""Seconds that it may take to answer a question that needs no work."""
SILENCE = 15.0
"""Seconds without a frame after which an open channel counts as broken; it is pinged every third of that."""
_GREETING = 1 << 16
"""Bytes that a login may print before the first frame."""
_COMPLAINT = 4096

Pushed = Callable[[dict[str, Any]], None]


_KINDS = {
    each.__name__: each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, DeckError) and each is not UntrustedError
}
"""The errors that a host may raise here. UntrustedError is none of them: nobody at home can approve what is there."""


def refusal(told: Any, host: str) -> DeckError:
    """What the deck of that host refused: an error of the same kind, with its words and its exit code."""
    words = told if isinstance(told, dict) else {"title": told}
    title, hint = (cut(plain(str(words.get(key) or "")), 2000) for key in ("title", "hint"))
    kind, code = words.get("kind"), words.get("code")
    found = _KINDS.get(kind, DeckError) if isinstance(kind, str) else DeckError
    detail = strip(str(words.get("detail") or ""))[:8000]
    error = found(f"{host}: {title or 'it failed without a word.'}", detail=detail, hint=hint)
    error.exit_code = ExitCode(code) if code in list(ExitCode) else found.exit_code
    return error


class _Pending:
    __slots__ = ("answer", "done")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.answer: dict[str, Any] | None = None


class Channel:
    """Belongs to no thread: any may ask. `pushed` is called by the thread that reads."""

    def __init__(self, argv: Sequence[str], host: str, pushed: Pushed | None = None) -> None:
        """Raise UnreachableError where the host does not answer as one."""
        self.host, self._pushed = host, pushed
        self._numbers, self._pending = itertools.count(1), dict[int, _Pending]()
        self._writing, self._lock = threading.Lock(), threading.Lock()
        self._complaints: deque[bytes] = deque(maxlen=64)
        self._why = ""
        self.heard = time.monotonic()
        pipe = subprocess.PIPE
        try:
            self._child = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
        except FileNotFoundError as error:
            raise MissingToolError(f"{argv[0]} is not installed.") from error
        assert self._child.stdin and self._child.stdout and self._child.stderr
        self._in, self._out, self._err = self._child.stdin, self._child.stdout, self._child.stderr
        os.set_blocking(self._in.fileno(), False)
        self._complaining = threading.Thread(target=self._read_complaints, daemon=True)
        self._complaining.start()
        try:
            self._greet()
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def is_open(self) -> bool:
        return not self._why

    def call(self, verb: str, /, *, timeout: float = ANSWER, **words: Any) -> Any:
        """What the host answers. Raise its own error, and UnreachableError where it does not answer in `timeout`
        seconds: then nobody knows whether it did what it was asked."""
        number, pending = next(self._numbers), _Pending()
        with self._lock:
            if self._why:
                raise self._gone()
            self._pending[number] = pending
        try:
            self._write(encode({"id": number, "verb": verb, "words": words}), time.monotonic() + timeout)
            if not pending.done.wait(timeout):
                self._break(f"it has not answered “{verb}” in {timeout:g} s")
        except FrameError as error:
            raise UsageError(f"That is too much for one call of {self.host}.", detail=str(error)) from error
        finally:
            with self._lock:
                self._pending.pop(number, None)
        if pending.answer is None:
            raise self._gone()
        if "error" in pending.answer:
            raise refusal(pending.answer["error"], self.host)
        return pending.answer.get("result")

    def ping(self) -> None:
        """Raise UnreachableError where the host is silent."""
        self.call("ping", timeout=SILENCE)

    def close(self) -> None:
        self._break("the connection was closed")
        with contextlib.suppress(OSError):
            self._in.close()
        try:
            self._child.wait(1)
        except subprocess.TimeoutExpired:
            self._end()
        for stream in (self._out, self._err):
            with contextlib.suppress(OSError):
                stream.close()

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Inside

    def _greet(self) -> None:
        """Read up to the host's first frame; what a login prints before it is passed over."""
        held, skipped, deadline = b"", 0, time.monotonic() + HELLO
        while True:
            line, newline, rest = held.partition(b"\n")
            if newline:
                held = rest
                if line.startswith(b'{"hello":'):
                    self._meet(line)
                    self._left = held
                    return
                skipped += len(line) + 1
                continue
            if skipped + len(held) > _GREETING:
                raise self._unreachable("it prints something else than an agentdeck does")
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._out], [], [], left)[0]:
                raise self._unreachable(f"it has said nothing for {HELLO:g} s")
            data = os.read(self._out.fileno(), 1 << 16)
            if not data:
                raise self._unreachable(self._last_words() or "the connection ended at once")
            held += data

    def _meet(self, line: bytes) -> None:
        try:
            (frame,) = FrameReader().feed(line + b"\n")
            told = frame["hello"]
            self.protocol, self.version = int(told["protocol"]), cut(plain(str(told["version"])), 40)
        except (FrameError, ValueError, KeyError, TypeError) as error:
            raise self._unreachable(f"its greeting is none: {error}") from error
        if self.protocol != PROTOCOL:
            raise UnreachableError(
                f"{self.host} has agentdeck {self.version}, which speaks another protocol.",
                hint=f"Install the same version there: agentdeck hosts add {self.host} --install",
            )

    def _read(self) -> None:
        frames = FrameReader()
        try:
            data = self._left
            while True:
                for frame in frames.feed(data):
                    self._take(frame)
                data = os.read(self._out.fileno(), 1 << 16)
                self.heard = time.monotonic()
                if not data:
                    break
        except FrameError as error:
            self._break(f"it sent what is no frame: {error}")
            return
        except (OSError, ValueError):
            pass  # closed
        self._break(self._last_words() or "the connection ended")

    def _take(self, frame: dict[str, Any]) -> None:
        if "push" in frame:
            if self._pushed is not None:
                self._pushed(frame)
            return
        number = frame.get("id")
        with self._lock:
            pending = self._pending.get(number) if isinstance(number, int) else None
        if pending is not None:  # else nobody waits for it any more
            pending.answer = frame
            pending.done.set()

    def _write(self, data: bytes, deadline: float) -> None:
        """A host that does not read must not hold us."""
        with self._writing:
            view = memoryview(data)
            while view:
                try:
                    ready = select.select([], [self._in], [], max(0.0, deadline - time.monotonic()))[1]
                    if not ready:
                        self._break("it does not read what it is sent")
                        raise self._gone()
                    view = view[os.write(self._in.fileno(), view[: 1 << 16]) :]
                except BlockingIOError:
                    continue
                except (OSError, ValueError):
                    self._break(self._last_words() or "the connection ended")
                    raise self._gone() from None

    def _break(self, why: str) -> None:
        with self._lock:
            if self._why:
                return
            self._why = why
            waiting = list(self._pending.values())
        if why != "the connection was closed":
            self._end()
        for pending in waiting:
            pending.done.set()

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self._child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(1)

    def _read_complaints(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self._err.fileno(), _COMPLAINT):
                self._complaints.append(data)

    def _last_words(self) -> str:
        """What ssh, or the program there, said last, as the end of a sentence."""
        self._complaining.join(0.5)
        text = strip(b"".join(self._complaints).decode("utf-8", "replace")).strip()
        last = next(reversed([line for line in text.splitlines() if line.strip()]), "")
        return cut(plain(last), 300).rstrip(".")

    def _gone(self) -> UnreachableError:
        return self._unreachable(self._why)

    def _unreachable(self, why: str) -> UnreachableError:
        return UnreachableError(f"{self.host} can't be reached: {why}.", hint=f"agentdeck hosts check {self.host}")
