"""Play a recording again: into a hidden window of the private tmux server, which knows what a terminal does with it."""

from __future__ import annotations

import os
import re
import select
import tempfile
import time
from array import array
from bisect import bisect_right
from contextlib import suppress
from pathlib import Path
from typing import IO

from agentdeck.errors import TmuxError
from agentdeck.system.files.files import from_json
from agentdeck.system.terminal.tmux import Tmux

WINDOW = "replay"
_HEAD = re.compile(rb'\[([0-9.eE+-]+), ?"(.)"')
_GAP = 2.0
"""Seconds that a pause in the recording takes at most when it is played."""
_PATIENCE = 2.0
"""Seconds that tmux may take to read on."""
_COLUMNS_MOST, _LINES_MOST = 500, 300


class Recording:
    """An asciicast v2 file, as far as it was written when it was opened."""

    def __init__(self, path: Path) -> None:
        """Raise OSError where it can't be read."""
        self._file: IO[bytes] = path.open("rb")
        head = self._file.readline()
        try:
            facts = from_json(head)
            self.size = _bounded(int(facts["width"]), int(facts["height"]))
        except (ValueError, KeyError, TypeError):
            self.size = (80, 24)
        self._times, self._places = array("d"), array("q")
        self._index(len(head))

    def _index(self, place: int) -> None:
        at = last = 0.0
        for line in self._file:
            match = _HEAD.match(line)
            if match is not None and line.endswith(b"\n"):
                with suppress(ValueError):
                    now = float(match[1])
                    at += min(_GAP, max(0.0, now - last))
                    last = now
                    self._times.append(at)
                    self._places.append(place)
            place += len(line)
        self._places.append(place)

    @property
    def seconds(self) -> float:
        """How long it plays, with long pauses cut short."""
        return self._times[-1] if self._times else 0.0

    def between(self, begin: float, end: float) -> list[tuple[str, str]]:
        """The events after `begin`, up to `end`: `o` and what was printed, `r` and the new size `80x24`."""
        first, last = bisect_right(self._times, begin), bisect_right(self._times, end)
        if first == last:
            return []
        self._file.seek(self._places[first])
        found = []
        for line in self._file.read(self._places[last] - self._places[first]).split(b"\n"):
            with suppress(ValueError, TypeError, IndexError):
                event = from_json(line)
                found.append((str(event[1]), str(event[2])))
        return found

    def close(self) -> None:
        self._file.close()


class ReplayStage:
    """The hidden window. Its program ends when this process does, however that ends."""

    def __init__(self, tmux: Tmux, size: tuple[int, int]) -> None:
        """Raise TmuxError where it can't be created."""
        self._tmux = tmux
        self.session = f"agentdeck-replay-{os.getpid()}-{time.monotonic_ns() % 1_000_000_000}"
        self._folder = tempfile.TemporaryDirectory(prefix="agentdeck-replay-", ignore_cleanup_errors=True)
        pipe = Path(self._folder.name, "pipe")
        os.mkfifo(pipe, 0o600)
        # Both ends: opening does not wait for tmux, and the end comes for `cat` when we are gone.
        self._pipe = os.open(pipe, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        program = ["/bin/sh", "-c", 'stty raw -echo && exec cat <"$1"', "sh", str(pipe)]
        try:
            from agentdeck.system.terminal.terminals import Terminals

            made = tmux.open_window(self.session, WINDOW, program, cwd=Path("/"), env={})
            self._window = Terminals(tmux).window_of(made)
            # The window goes with its program; what was recorded must not reach clipboards or set titles.
            for option in ("remain-on-exit", "allow-rename", "monitor-bell"):
                self._window.set_option(option, "off")
            self.resize(size)
        except BaseException:
            self.close()
            raise

    def resize(self, size: tuple[int, int]) -> None:
        columns, lines = _bounded(*size)
        # Its own `resize` lists all windows afterwards.
        self._window.cmd("resize-window", "-x", str(columns), "-y", str(lines))

    def feed(self, text: str) -> None:
        """Print it there. Raise TmuxError where nobody reads it."""
        view = memoryview(text.encode("utf-8", "replace"))
        while view:
            try:
                view = view[os.write(self._pipe, view) :]
            except BlockingIOError:
                if not select.select([], [self._pipe], [], _PATIENCE)[1]:
                    raise TmuxError("tmux can't show the recording.", hint="“agentdeck doctor” may say why.") from None

    def clear(self) -> None:
        """As a terminal that was just switched on."""
        self.feed("\x1bc\x1b[3J")

    def close(self) -> None:
        os.close(self._pipe)
        with suppress(TmuxError):
            self._tmux.run("kill-session", "-t", f"={self.session}")
        self._folder.cleanup()


def _bounded(columns: int, lines: int) -> tuple[int, int]:
    return max(2, min(columns, _COLUMNS_MOST)), max(2, min(lines, _LINES_MOST))
