"""Run a program to its end. The one place outside the runner that starts short-lived processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentdeck.errors import DeckError, MissingToolError

_PARTING = 5.0
"""Seconds that a program gets to put its things in order, as git does with its locks, before it is killed."""


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
        return (self.err or self.out).decode("utf-8", "replace").strip()


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


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold INT, TERM and HUP back until the block has ended, from us and from the programs that are started in it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: bytes | None = None,
    timeout: float | None = None,
    group: bool = False,
) -> Result:
    """Run `argv` and collect its output. `env` goes over this process's own environment, None taking a variable away;
    `timeout` is in seconds. With `group`, what the program started ends with it on a time-out: for a shell's lines."""
    words = tuple(os.fspath(word) for word in argv)
    environment = {**os.environ, **(env or {})}
    try:
        with subprocess.Popen(
            words,
            cwd=cwd,
            env={name: value for name, value in environment.items() if value is not None},
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=group,
        ) as child:
            try:
                out, err = child.communicate(stdin, timeout)
            except BaseException:
                _end(child, group=group)
                raise
    except FileNotFoundError as error:
        if cwd is not None and not cwd.is_dir():
            raise DeckError(f"The folder {cwd} is not there any more.") from error
        raise _missing(words[0]) from error
    except subprocess.TimeoutExpired as error:
        raise DeckError(f"{words[0]} did not finish within {timeout:g} s.", detail=" ".join(words)) from error
    return Result(words, child.returncode, out, err)


def require_program(name: str) -> None:
    """Raise MissingToolError where this machine has no program of that name, before anything is begun with it."""
    if shutil.which(name) is None:
        raise _missing(name)


def _missing(name: str) -> MissingToolError:
    return MissingToolError(f"{name} is not installed.", hint="“agentdeck doctor” says how to get it.")


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
