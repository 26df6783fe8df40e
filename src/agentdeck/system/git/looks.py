"""One look at a repository a step: what several parts of one step ask git is asked once.

Refs and objects are read through one `git cat-file`, which looks anew for each question. The configuration and the list
of worktrees are kept with what they were read from, and are asked again when that has changed. So what a part of the
step gets is never older than what git itself would have said.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from agentdeck.core.frozen import dataclass, field

_PATIENCE = 20.0
"""Seconds for an answer; one that takes longer is asked for with a git of its own, which can be cancelled."""
_AT_ONCE = 15
"""Questions that a pipe holds, of 64 KiB, as it does their answers: a name is a path, of 4 KiB at most."""


@dataclass(frozen=True, slots=True)
class Setting:
    scope: str
    """`local`, `global`, …"""
    key: str
    """Section and name in small letters."""
    value: str | None
    """None for a key without `=`, which git takes for true."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the files of one worktree's git folder say."""

    head: bytes | None
    gitdir: bytes | None
    locked: bytes | None
    has_folder: bool
    config: tuple[int, ...]


@dataclass
class Look:
    common: Path
    environment: Mapping[str, str]
    settings: dict[Path, tuple[list[tuple[int, ...]], list[Setting]]] = field(default_factory=dict)
    """What git's configuration says in a folder, with the signs of its files."""
    worktrees: tuple[dict[Path, Record], list[Any]] | None = None
    """What git listed, and what its files said then; see checkouts.py."""
    memory: dict[object, Any] = field(default_factory=dict)
    """What was computed, under all that it came from."""
    _child: subprocess.Popen[bytes] | None = None
    _rest: bytes = b""
    _lock: Lock = field(default_factory=Lock)

    def ask(self, words: str, *, content: bool = False) -> tuple[str, str, bytes] | None:
        """The id, the kind and, if wanted, the content of an object; None where there is none of that name.

        Raise OSError where it can't be asked here.
        """
        return self._ask([words], "contents" if content else "info")[0]

    def ask_each(self, words: Sequence[str]) -> list[tuple[str, str, bytes] | None]:
        """As `ask`, of each, which takes much less time than one by one."""
        return [told for at in range(0, len(words), _AT_ONCE) for told in self._ask(words[at : at + _AT_ONCE], "info")]

    def _ask(self, words: Sequence[str], command: str) -> list[tuple[str, str, bytes] | None]:
        if any("\n" in each for each in words):
            raise OSError("a question of two lines")
        with self._lock:
            try:
                child = self._child or self._start()
                assert child.stdin is not None
                child.stdin.write(os.fsencode("".join(f"{command} {each}\n" for each in words)))
                return [self._answer(content=command == "contents") for _ in words]
            except BaseException:
                self._end()  # an answer that is still to come would be taken for that to the next question
                raise

    def _answer(self, *, content: bool) -> tuple[str, str, bytes] | None:
        answer = self._until(b"\n").rsplit(b" ", 2)
        if len(answer) != 3 or not answer[2].isdigit():
            return None
        size = int(answer[2])
        body = self._take(size + 1)[:-1] if content else b""
        return answer[0].decode(), answer[1].decode(), body

    def _start(self) -> subprocess.Popen[bytes]:
        # In a session of its own, for Ctrl-C is not meant for it: it ends with its pipe.
        self._rest = b""
        self._child = subprocess.Popen(
            ["git", "cat-file", "--batch-command"],
            cwd=self.common,
            env={**self.environment, "GIT_DIR": str(self.common)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        return self._child

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._rest += self._more()
        found, _, self._rest = self._rest.partition(mark)
        return found

    def _take(self, size: int) -> bytes:
        parts, missing = [self._rest], size - len(self._rest)
        while missing > 0:
            parts.append(self._more())
            missing -= len(parts[-1])
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]

    def _more(self) -> bytes:
        assert self._child is not None and self._child.stdout is not None
        if not select.select([self._child.stdout], [], [], _PATIENCE)[0]:
            raise TimeoutError("git does not answer")
        found = os.read(self._child.stdout.fileno(), 1 << 16)
        if not found:
            raise BrokenPipeError("git has ended")
        return found

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        # Not by closing the pipe alone: a process that forked meanwhile may have its other end.
        with contextlib.suppress(OSError):
            child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        child.wait()

    def close(self) -> None:
        with self._lock:
            self._end()
