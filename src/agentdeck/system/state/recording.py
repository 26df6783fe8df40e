"""What an agent printed: a recording that `asciinema play` shows, and a time-stamped log of plain lines.

Both are bounded: a file that reaches its size is put aside as `NAME.1`, `NAME.2`, … and only so many are kept. Each
recording that is put aside can be played by itself.
"""

from __future__ import annotations

import codecs
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from agentdeck.core.text.ansi import Stripper, settle

_LINE_MAX = 8192
"""Characters of a line in the log; a longer one is continued on the next."""
_TAIL_MAX = 65536
"""Characters of the last output that are kept for judging how a run ended."""
_RETRY = 1.0
"""Seconds after which a disk that refused is tried again."""
NOTE = "# agentdeck: "
"""What the runner's own lines in a log begin with."""


class _Bounded:
    """A file to append to that is put aside when it is full."""

    def __init__(self, path: Path, maximum: int, keep: int, head: Callable[[], str] = str) -> None:
        self.path = path
        self._maximum, self._keep, self._head = maximum, keep, head
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file: IO[bytes] = os.fdopen(os.open(self.path, flags, 0o600), "ab", buffering=0)
        os.fchmod(self._file.fileno(), 0o600)
        self._size = self._file.tell()
        if self._size == 0:
            self._append(self._head().encode())

    def _append(self, data: bytes) -> None:
        """Write all of `data`, or nothing: half a line would spoil the next one."""
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) or 0 :]
        except OSError:
            self._file.truncate(self._size)
            raise
        self._size += len(data)

    def write(self, text: str) -> None:
        self._append(text.encode("utf-8", "replace"))
        if self._size >= self._maximum:
            self._file.close()
            put_aside(self.path, self._keep)
            self._open()

    def close(self) -> None:
        self._file.close()


def put_aside(path: Path, keep: int) -> None:
    """Rename `path` to its `.1` and what was there before one further; drop what is older than `keep`."""
    if keep == 0:
        path.unlink(missing_ok=True)
        return
    for number in range(keep - 1, 0, -1):
        if (older := aside(path, number)).exists():
            older.replace(aside(path, number + 1))
    if path.exists():
        path.replace(aside(path, 1))


def aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


class Recorder:
    """Writes both files. While the disk refuses, output is lost, and the log says so where it goes on."""

    def __init__(self, cast: Path, log: Path, *, maximum: int, keep: int, size: tuple[int, int]) -> None:
        self.tail = ""
        self.error = ""
        """What the disk said last."""
        self._paths = (cast, log)
        self._bounds = (maximum, keep)
        self._size = size
        self._start = time.monotonic()
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._strip = Stripper().feed
        self._partial = ""
        self._files: tuple[_Bounded, _Bounded] | None = None
        self._retry_at = 0.0
        self._closed = False
        try:
            put_aside(cast, keep)
            self._files = self._open()
        except OSError as error:
            self._refused(error)

    def _open(self) -> tuple[_Bounded, _Bounded]:
        (cast, log), (maximum, keep) = self._paths, self._bounds
        return _Bounded(cast, maximum, keep, self._header), _Bounded(log, maximum, keep)

    def _refused(self, error: OSError) -> None:
        self.error = error.strerror or str(error)
        self._retry_at = time.monotonic() + _RETRY
        self._close_files()

    def _is_open(self) -> bool:
        """Whether output can be written; after a refusal that is tried again, but not at every line."""
        if self._files is None and not self._closed and time.monotonic() >= self._retry_at:
            try:
                self._files = self._open()
                self._files[1].write(f"{_stamp()} {NOTE}some output is missing here: {self.error}\n")
            except OSError as error:
                self._refused(error)
        return self._files is not None

    def _header(self) -> str:
        columns, lines = self._size
        self._start = time.monotonic()
        return json.dumps({"version": 2, "width": columns, "height": lines, "timestamp": int(time.time())}) + "\n"

    def output(self, data: bytes) -> str:
        """Record what came from the agent's terminal, and return its plain text. It is not in the log yet."""
        text = self._decode(data)
        plain = self._strip(text)
        self.tail = (self.tail + plain)[-_TAIL_MAX:]
        self._event("o", text)
        return plain

    def resized(self, size: tuple[int, int]) -> None:
        self._size = size
        self._event("r", f"{size[0]}x{size[1]}")

    def note(self, text: str) -> None:
        """Add a line of the runner's own to the log."""
        self._flush_partial()
        self.log_lines([NOTE + text])

    def close(self) -> None:
        self._flush_partial()
        self._closed = True
        self._close_files()

    def _close_files(self) -> None:
        for file in self._files or ():
            file.close()
        self._files = None

    def _event(self, kind: str, text: str) -> None:
        if text:
            line = json.dumps([round(time.monotonic() - self._start, 4), kind, text], ensure_ascii=False)
            self._write(0, line + "\n")

    def log_text(self, plain: str) -> list[str]:
        """Add plain text as it was printed to the log; a line is written when it has ended. Return those."""
        *lines, last = plain.split("\n")
        if lines:
            lines[0] = self._partial + lines[0]
            self._partial = ""
            lines = [settle(line.rstrip("\r")) for line in lines]
            self.log_lines(lines)
        self._partial += last
        if "\r" in self._partial[:-1]:
            before, _, after = self._partial.rpartition("\r")
            self._partial = after or f"{before.rpartition(chr(13))[2]}\r"
        if len(self._partial) >= _LINE_MAX:
            self._flush_partial()
        return lines

    def drop_partial(self) -> None:
        """Forget the line that has not ended."""
        self._partial = ""

    def _flush_partial(self) -> None:
        if self._partial:
            self.log_lines([settle(self._partial)])
            self._partial = ""

    def log_lines(self, lines: list[str], at: float = 0.0) -> None:
        """Add whole lines to the log, of the time `at`; 0 is now."""
        begin = f"{_stamp(at)} "
        if any(len(line) > _LINE_MAX for line in lines):
            lines = [line[at : at + _LINE_MAX] for line in lines for at in range(0, max(1, len(line)), _LINE_MAX)]
        if lines:
            self._write(1, begin + f"\n{begin}".join(lines) + "\n")

    def _write(self, which: int, text: str) -> None:
        if not self._is_open() or self._files is None:
            return
        try:
            self._files[which].write(text)
        except OSError as error:
            self._refused(error)


def _stamp(at: float = 0.0) -> str:
    moment = at or time.time()  # without datetime, which each runner would load for this alone
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{int(moment % 1 * 1000):03}Z"
