"""Run a program to its end. The one place outside the runner that starts short-lived processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from threading import Thread
from typing import IO

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.ansi import strip
from agentdeck.errors import CancelledError, DeckError, MissingToolError

_PARTING = 5.0
"""Seconds that a program gets to put its things in order, as git does with its locks, before it is killed."""
_ASKED_EVERY = 0.05
"""Seconds between two questions whether what runs is still wanted."""
_SLOW = 1.0
"""Seconds after which a program is a slow one."""
_cancelled: ContextVar[Callable[[], bool] | None] = ContextVar("cancelled", default=None)


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished program left; true when it exited with 0."""

    argv: tuple[str, ...]
    code: int
    out: bytes
    err: bytes

    def __bool__(self) -> bool:
        return self.code == 0

    @property
    def text(self) -> str:
        return os.fsdecode(self.out)

    @property
    def complaint(self) -> str:
        return strip((self.err or self.out).decode("utf-8", "replace")).strip()


def run_in_terminal(argv: Sequence[str]) -> int:
    """Give this terminal to `argv` until it ends; return its exit code. Ctrl-C is for it alone meanwhile."""
    # A handler, and not SIG_IGN, which the program would inherit.
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        return subprocess.call(list(argv))
    except FileNotFoundError as error:
        raise MissingToolError(f"{argv[0]} is not installed.") from error
    finally:
        signal.signal(signal.SIGINT, before)


def never() -> bool:
    """The `cancelled` of what nobody can cancel."""
    return False


@contextlib.contextmanager
def cancellable(cancelled: Callable[[], bool]) -> Iterator[None]:
    """Soon after `cancelled` says so, end the program that this thread runs in the block, with all that it started, and
    raise CancelledError."""
    if cancelled is never:
        yield
        return
    token = _cancelled.set(cancelled)
    try:
        yield
    finally:
        _cancelled.reset(token)


def is_cancellable() -> bool:
    """Whether what this thread does can be cancelled, as from a screen."""
    return _cancelled.get() is not None


def check_cancelled() -> None:
    """Raise CancelledError where this thread is at work on what is not wanted any more."""
    cancelled = _cancelled.get()
    if cancelled is not None and cancelled():
        raise CancelledError("It was cancelled.")


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: bytes | IO[bytes] | None = None,
    timeout: float | None = None,
    group: bool = False,
    slow: Callable[[], None] | None = None,
    stdout: IO[bytes] | None = None,
) -> Result:
    """Run `argv` and collect its output, or write it to `stdout`. `env` goes over this process's own environment, None
    taking a variable away; `timeout` is in seconds. With `group`, what the program started ends with it on a time-out:
    for a shell's lines. `slow` is called each second that it runs on. A file as `stdin` is read by the program itself,
    from the start."""
    check_cancelled()
    words = tuple(os.fspath(word) for word in argv)
    environment = {**os.environ, **(env or {})}
    told = stdin if isinstance(stdin, bytes) else None
    if stdin is not None and not isinstance(stdin, bytes):
        stdin.seek(0)
    try:
        with subprocess.Popen(
            words,
            cwd=cwd,
            env={name: value for name, value in environment.items() if value is not None},
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE if isinstance(stdin, bytes) else stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            start_new_session=group or _cancelled.get() is not None,
        ) as child:
            try:
                out, err = _output(child, told, timeout, slow)
            except CancelledError:
                _end_group(child)
                raise
            except BaseException:
                _end(child, group=group)
                raise
    except FileNotFoundError as error:
        if cwd is not None and not cwd.is_dir():
            raise DeckError(f"The folder {cwd} no longer exists.") from error
        raise _missing(words[0]) from error
    except subprocess.TimeoutExpired as error:
        raise DeckError(f"{words[0]} did not finish within {timeout:g} s.", detail=" ".join(words)) from error
    return Result(words, child.returncode, out or b"", err)


def detach(argv: Sequence[str]) -> None:
    """Start `argv` in a session of its own, with no terminal, and let it outlive this process."""
    null = subprocess.DEVNULL
    child = subprocess.Popen(argv, cwd="/", stdin=null, stdout=null, stderr=null, start_new_session=True)
    Thread(target=child.wait, daemon=True).start()  # where this process lives longer, it leaves no zombie


def send_signal(pid: int, sign: signal.Signals) -> None:
    """Send `sign` to a process that may be gone by now."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)


def require_program(name: str) -> None:
    """Raise MissingToolError where this machine has no program of that name, before anything is begun with it."""
    if which(name) is None:
        raise _missing(name)


def which(name: str, path: str | None = None) -> str | None:
    """As `shutil.which`, without what that loads."""
    if "/" in name:
        folders = [""]
    else:
        found = os.environ.get("PATH", os.defpath) if path is None else path
        folders = found.split(os.pathsep) if found else []
    places = (os.path.join(folder, name) for folder in folders)  # noqa: PTH118 - relative ones stay so
    return next((each for each in places if os.path.isfile(each) and os.access(each, os.X_OK)), None)  # noqa: PTH113


def _missing(name: str) -> MissingToolError:
    return MissingToolError(f"{name} is not installed.", hint="“agentdeck doctor” says how to install it.")


def _output(
    child: subprocess.Popen[bytes], stdin: bytes | None, timeout: float | None, slow: Callable[[], None] | None
) -> tuple[bytes, bytes]:
    is_asked = _cancelled.get() is not None
    if not is_asked and slow is None:
        return child.communicate(stdin, timeout)
    if child.stdin is not None:
        # `communicate` can't go on with what it did not write in time.
        Thread(target=_feed, args=(child.stdin, stdin), daemon=True).start()
        child.stdin = None
    begun = told = time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.communicate(timeout=_ASKED_EVERY if is_asked else min(_SLOW, timeout or _SLOW))
        check_cancelled()
        now = time.monotonic()
        if timeout is not None and now > begun + timeout:
            raise subprocess.TimeoutExpired(child.args, timeout)
        if slow is not None and now > told + _SLOW:
            told = now
            slow()


def _feed(pipe: IO[bytes], data: bytes | None) -> None:
    with contextlib.suppress(OSError), pipe:  # it may end without reading all of it
        pipe.write(data or b"")


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """End a program that is the first of its own session, and all that it left behind in that."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_PARTING)
        os.killpg(child.pid, signal.SIGKILL)


def _end(child: subprocess.Popen[bytes], *, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        if group:
            os.killpg(child.pid, signal.SIGKILL)
            return
        child.terminate()
        try:
            child.wait(_PARTING)
        except subprocess.TimeoutExpired:
            child.kill()
