"""Read what system.recording wrote, while it is being written: lines of a log, and what a recording's terminal got."""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from agentdeck.core.frozen import dataclass
from agentdeck.system.files.files import from_json, opened
from agentdeck.system.state.recording import NOTE, aside

_PIECE = 1 << 20
"""Bytes that are read at once."""
_ON_SCREEN = 1000
"""The last lines of a log, of which some may still be on the screen."""


@dataclass(frozen=True, slots=True)
class LogLine:
    at: float
    """Seconds since the epoch."""
    text: str

    @property
    def is_note(self) -> bool:
        """Whether the runner wrote it, not the agent."""
        return self.text.startswith(NOTE)


def read_log(path: Path, since: float | None = None, grep: re.Pattern[str] | None = None) -> Iterator[LogLine]:
    """The lines of a log, oldest first, those put aside included."""
    with _Reader(path) as reader:
        yield from _wanted(reader.lines(), since, grep)


def with_screen(lines: Iterable[LogLine], screen: list[str]) -> Iterator[LogLine]:
    """The lines of a log, and then those on the screen that are not in it yet."""
    last: deque[str] = deque(maxlen=_ON_SCREEN)
    for line in lines:
        last.append(line.text.rstrip())
        yield line
    shown = [text.rstrip() for text in screen]
    while shown and not shown[-1]:
        shown.pop()
    for text in shown:
        if text not in last:
            yield LogLine(time.time(), text)


def follow_log(
    path: Path, *, since: float | None, grep: re.Pattern[str] | None, until: Callable[[], bool]
) -> Iterator[LogLine]:
    """As `read_log`, and then every line as it comes, until `until` holds and the log is read to its end."""
    from agentdeck.system.files.news import news

    with _Reader(path) as reader:
        yield from _wanted(reader.lines(), since, grep)
        for _ in news(path.parent, path.name):
            ended = until()
            yield from _wanted(reader.lines(), since, grep)
            if ended:
                return


def _wanted(lines: Iterable[str], since: float | None, grep: re.Pattern[str] | None) -> Iterator[LogLine]:
    for line in lines:
        stamp, _, text = line.partition(" ")
        try:
            at = datetime.fromisoformat(stamp).timestamp()
        except ValueError:
            continue
        if (since is None or at >= since) and (grep is None or grep.search(text)):
            yield LogLine(at, text)


class _Reader:
    """Reads a log that is being written: each line once, and none is missed when a file is put aside meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: deque[IO[bytes]] = deque()
        self._rest = b""
        self._open()

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_error: object) -> None:
        for file in self._files:
            file.close()

    def lines(self) -> Iterator[str]:
        """All that are whole and were not read yet, oldest first."""
        if not self._files:
            self._open()
        while self._files:
            yield from self._read_on()
            if len(self._files) == 1 and not self._find_newer():
                return
            # What came to it before it was put aside.
            yield from self._read_on()
            self._files.popleft().close()
            self._rest = b""

    def _read_on(self) -> Iterator[str]:
        while piece := self._files[0].read(_PIECE):
            *whole, self._rest = (self._rest + piece).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace")

    def _find_newer(self) -> bool:
        """Whether the log goes on in another file; then it is open."""
        file = self._files[0]
        newer = neighbour(self._path, file, -1)
        if newer is not None:
            with suppress(FileNotFoundError):
                self._files.append(open_log(newer))
        elif os.fstat(file.fileno()).st_nlink == 0:
            self._open()
        return len(self._files) > 1

    def _open(self) -> None:
        """Open all files of the log after those that are open."""
        found: dict[tuple[int, int], IO[bytes]] = {}
        number = 0
        while True:
            path = aside(self._path, number) if number else self._path
            try:
                file = open_log(path)
            except FileNotFoundError:
                if number:
                    break
            else:
                facts = os.fstat(file.fileno())
                # One that is put aside at this moment is found under both names.
                if found.setdefault((facts.st_dev, facts.st_ino), file) is not file:
                    file.close()
            number += 1
        self._files.extend(reversed(found.values()))


def open_log(path: Path) -> IO[bytes]:
    """The file of a log, to be read; raise OSError where a link, a FIFO or the like is in its place, which an agent can
    put there."""
    return opened(path, os.O_NOFOLLOW)


def neighbour(path: Path, file: IO[bytes], step: int) -> Path | None:
    """The file of the log at `path` that is so many older than `file`, or newer for -1; None where there is none."""
    facts = os.fstat(file.fileno())
    number = 0
    while True:
        here = aside(path, number) if number else path
        try:
            found = here.stat()
        except FileNotFoundError:
            if number:
                return None
        else:
            if (found.st_dev, found.st_ino) == (facts.st_dev, facts.st_ino):
                break
        number += 1
    wanted = number + step
    if wanted < 0:
        return None
    there = aside(path, wanted) if wanted else path
    return there if there.exists() else None


def read_raw(cast: Path) -> Iterator[bytes]:
    """What a recording's terminal got, those put aside included."""
    with _Reader(cast) as reader:
        for line in reader.lines():
            event = _event(line)
            if isinstance(event, list) and event[1:2] == ["o"]:
                yield str(event[2]).encode("utf-8", "surrogateescape")


def _event(line: str) -> Any:
    """None for a line that a machine that went down left unfinished."""
    try:
        return from_json(line)
    except ValueError:
        return None
