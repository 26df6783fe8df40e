"""A window on a log that may be gigabytes long: its end, what comes to it, and what was before, a piece at a time."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import IO

from agentdeck.core.frozen import dataclass, field
from agentdeck.system.state.logs import neighbour, open_log

MOST_LINES = 20_000
MOST_BYTES = 8 * 1024 * 1024
"""What the window holds at most. What goes beyond it is dropped at the other end, and can be read again."""
PIECE = 256 * 1024
"""Bytes that are read at once towards the beginning."""
_LINE_BYTES = 64 * 1024
"""A longer line is taken as several."""


@dataclass(frozen=True, slots=True)
class LogChange:
    """What became of the window: lines came at one end, and then others were dropped at the other one."""

    fresh: bool = False
    """Whether all that was there before is gone: the log was begun anew, or so much came that its end is shown."""
    dropped_before: int = 0
    dropped_after: int = 0
    before: list[bytes] = field(default_factory=list)
    after: list[bytes] = field(default_factory=list)
    is_first: bool = False
    """Whether nothing is before the window."""
    is_last: bool = True
    """Whether nothing is after it."""


@dataclass(slots=True)
class _Part:
    """The stretch of one file that is in the window."""

    file: IO[bytes]
    start: int
    end: int


class LogTail:
    """Used by one thread at a time. Files that are put aside while they are read are followed to where they went."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: deque[_Part] = deque()
        self._sizes: deque[int] = deque()
        """Bytes of each line in the window, its end included."""
        self._held = 0

    def close(self) -> None:
        for part in self._parts:
            part.file.close()
        self._parts.clear()
        self._sizes.clear()
        self._held = 0

    def newer(self, *, may_drop: bool = True) -> LogChange:
        """Read what has come since. Raise OSError where the log can't be read.

        Where the window is full and `may_drop` is False, nothing is read, and the window is not the last.
        """
        if not self._parts:
            return self._open()
        last = self._parts[-1]
        size = os.fstat(last.file.fileno()).st_size
        if size < last.end:
            return self._open()
        is_full = len(self._sizes) >= MOST_LINES or self._held >= MOST_BYTES
        if is_full and not may_drop:
            return LogChange(is_first=self._is_first(), is_last=self._is_last())
        if size - last.end > MOST_BYTES:
            return self._open()
        lines, taken = _whole_lines(_read(last.file, last.end, size - last.end))
        last.end += taken
        self._add(lines, after=True)
        later = self._later() if last.end == size or not taken else None
        if later is not None and os.fstat(last.file.fileno()).st_size == size:
            self._parts.append(_Part(later, 0, 0))
            more = self.newer()
            return more if more.fresh else _joined(lines, more)
        dropped = self._bound(before=True)
        return LogChange(dropped_before=dropped, after=lines, is_first=self._is_first(), is_last=True)

    def end(self) -> LogChange:
        """Go to the end of the log, wherever the window was."""
        return self._open()

    def older(self) -> LogChange:
        """Read a piece of what is before the window."""
        if not self._parts:
            return self._open()
        first = self._parts[0]
        if first.start == 0:
            earlier = self._earlier()
            if earlier is None:
                return LogChange(is_first=True, is_last=self._is_last())
            size = os.fstat(earlier.fileno()).st_size
            first = _Part(earlier, size, size)
            self._parts.appendleft(first)
        lines = self._read_before(first)
        self._add(lines, after=False)
        dropped = self._bound(before=False)
        return LogChange(dropped_after=dropped, before=lines, is_first=self._is_first(), is_last=self._is_last())

    # Inside

    def _open(self) -> LogChange:
        self.close()
        try:
            file = open_log(self._path)
        except FileNotFoundError:
            return LogChange(fresh=True, is_first=True)
        size = os.fstat(file.fileno()).st_size
        # A line that is just being written is left for later.
        tail = _read(file, max(0, size - _LINE_BYTES), min(size, _LINE_BYTES))
        if b"\n" in tail or size < _LINE_BYTES:
            size -= len(tail) - (tail.rfind(b"\n") + 1)
        part = _Part(file, size, size)
        self._parts.append(part)
        lines = self._read_before(part)
        self._add(lines, after=True)
        return LogChange(fresh=True, after=lines, is_first=self._is_first())

    def _read_before(self, part: _Part) -> list[bytes]:
        start = max(0, part.start - PIECE)
        data = _read(part.file, start, part.start - start)
        if start > 0:
            # Begin after a line's end; in a line that is longer than the piece, anywhere.
            cut = data.find(b"\n", 0, _LINE_BYTES) + 1
            start, data = start + cut, data[cut:]
        part.start = start
        return _split(data)

    def _add(self, lines: list[bytes], *, after: bool) -> None:
        sizes = [len(line) for line in lines]
        self._held += sum(sizes)
        if after:
            self._sizes.extend(sizes)
        else:
            self._sizes.extendleft(reversed(sizes))

    def _bound(self, *, before: bool) -> int:
        """Drop lines at one end until the window is within its bounds; return how many."""
        dropped = 0
        while len(self._sizes) > MOST_LINES or self._held > MOST_BYTES:
            size = self._sizes.popleft() if before else self._sizes.pop()
            self._held -= size
            dropped += 1
            part = self._outermost(before=before)
            if before:
                part.start += size
            else:
                part.end -= size
        return dropped

    def _outermost(self, *, before: bool) -> _Part:
        """The part at that end that has lines in the window; those beyond it, which have none, are let go."""
        while True:
            part = self._parts[0 if before else -1]
            if part.start < part.end or len(self._parts) == 1:
                return part
            part.file.close()
            self._parts.popleft() if before else self._parts.pop()

    def _is_first(self) -> bool:
        first = self._parts[0] if self._parts else None
        return first is None or (first.start == 0 and self._neighbour(first, 1) is None)

    def _is_last(self) -> bool:
        last = self._parts[-1]
        return os.fstat(last.file.fileno()).st_size == last.end and self._neighbour(last, -1) is None

    def _earlier(self) -> IO[bytes] | None:
        path = self._neighbour(self._parts[0], 1)
        return open_log(path) if path is not None else None

    def _later(self) -> IO[bytes] | None:
        path = self._neighbour(self._parts[-1], -1)
        return open_log(path) if path is not None else None

    def _neighbour(self, part: _Part, step: int) -> Path | None:
        return neighbour(self._path, part.file, step)


def _joined(lines: list[bytes], more: LogChange) -> LogChange:
    after = lines + more.after
    return LogChange(False, more.dropped_before, 0, [], after, more.is_first, more.is_last)


def _read(file: IO[bytes], start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _whole_lines(data: bytes) -> tuple[list[bytes], int]:
    """The lines in `data` that have ended, or are too long to wait for, and how many bytes these are."""
    end = data.rfind(b"\n") + 1
    if len(data) - end > _LINE_BYTES:
        end = len(data)
    return _split(data[:end]), end


def _split(data: bytes) -> list[bytes]:
    """The lines of `data`, each with its end; those that are too long in pieces."""
    lines = data.splitlines(keepends=True) if b"\r" not in data else _split_at_feeds(data)
    if all(len(line) <= _LINE_BYTES for line in lines):
        return lines
    return [line[at : at + _LINE_BYTES] for line in lines for at in range(0, len(line), _LINE_BYTES)]


def _split_at_feeds(data: bytes) -> list[bytes]:
    parts = data.split(b"\n")
    lines = [part + b"\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines
