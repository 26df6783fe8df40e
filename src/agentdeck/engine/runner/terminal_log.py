"""The log of a program that has no transcript: what a terminal would have kept of it.

As long as it only prints lines, each goes to the log when it has ended. From the moment that it moves the cursor, what
it prints is no text any more: then the lines that scroll out of its screen go to the log, and at its end the last
screen.
"""

from __future__ import annotations

import time
from collections import deque
from itertools import islice

from agentdeck.core.text.patterns import late_bytes
from agentdeck.system.state.recording import Recorder
from agentdeck.system.terminal import pane

_MOVES = late_bytes(rb"\x1b(?!\[[\d;]*m)(?:\[(?:\d*[ABEFGdJLMST]|[\d;]*[Hf]|\?(?:47|1047|1049)h)|[M78])")
_CUT = 12
"""Bytes of a sequence that may be cut by the end of a piece."""
_PACE = 2.0
"""Seconds between two looks while output does not rest."""
_QUIET = 0.4
_ANCHOR = 8
"""The last lines that scrolled away, by which what came after them is found."""
_MARGIN = 50
_AHEAD = 20
_TRIES, _PAUSE = 10, 0.05


class TerminalLog:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._ran = False
        self._before = b""
        self._repaints = False
        self._printed: deque[str] = deque(maxlen=3000)
        """The lines that are in the log and may still be on the screen, from where they scroll away later."""
        self._rows = 0
        """Of the pane's history at the last look."""
        self._anchor: list[str] = []
        self._screen: list[str] = []
        """The last alternate screen, which is gone when the program leaves it."""
        self._unseen_at = self._output_at = 0.0
        self._has_news = False

    def launched(self) -> None:
        """Another program begins in the same terminal: what is there is not of it."""
        self.ended()
        if self._ran and (found := pane.history()) is not None:
            self._rows, self._anchor = found[0], pane.scrolled(_ANCHOR)
        self._ran = True

    def output(self, data: bytes, plain: str, now: float) -> None:
        """The program printed `data`, which is `plain` as text. Times are monotonic."""
        if not self._repaints and _moves(self._before + data) and pane.history() is not None:
            self._repaints = True
            self._recorder.drop_partial()
        self._before = data[-_CUT:]
        if not self._repaints:
            self._printed.extend(self._recorder.log_text(plain))
            return
        if not self._has_news:
            self._has_news, self._unseen_at = True, now
        self._output_at = now

    def tick(self, now: float) -> float | None:
        """Look at the terminal where that is due; return when to come again."""
        if not self._has_news:
            return None
        due = min(self._output_at + _QUIET, self._unseen_at + _PACE)
        if now < due:
            return due
        self._look()
        return None

    def ended(self) -> None:
        """The program has ended: what is still on its screen goes to the log too."""
        if self._repaints:
            self._look()
            self._log(self._screen or _settled())
        self._repaints, self._screen, self._before = False, [], b""
        self._printed.clear()

    def _look(self) -> None:
        self._has_news = False
        found = pane.history()
        if found is None:
            return
        rows, alternate = found
        if rows != self._rows:
            self._log(self._after_anchor(pane.scrolled(max(0, rows - self._rows) + _MARGIN)))
            self._rows = rows
        if alternate:
            self._screen = pane.capture().splitlines()
        elif self._screen:
            self._log(self._screen)
            self._screen = []

    def _after_anchor(self, lines: list[str]) -> list[str]:
        """What of these lines, the last that scrolled away, is new."""
        anchor = self._anchor
        self._anchor = (anchor + lines)[-_ANCHOR:] if len(lines) < _ANCHOR else lines[-_ANCHOR:]
        for size in range(len(anchor), 0, -1):
            wanted = anchor[-size:]
            for end in range(len(lines), size - 1, -1):
                if lines[end - size : end] == wanted:
                    return lines[end:]
        return lines

    def _log(self, lines: list[str]) -> None:
        new = []
        for line in map(str.rstrip, lines):
            # Some lines that were printed before may have been painted over and never come.
            ahead = list(islice(self._printed, _AHEAD if line else 1))
            if line in ahead:
                for _ in range(ahead.index(line) + 1):
                    self._printed.popleft()
            else:
                new.append(line)
        if new:
            self._recorder.log_lines(new)


def _moves(data: bytes) -> bool:
    """Whether the cursor goes anywhere but on."""
    # Colours, of which there are many, are passed over in `_MOVES` first, and one byte is looked for apart.
    return b"\x08" in data or _MOVES.search(data) is not None


def _settled() -> list[str]:
    """What is on the screen, once our terminal has taken all that was printed."""
    screen = pane.capture()
    for _ in range(_TRIES):
        time.sleep(_PAUSE)
        before, screen = screen, pane.capture()
        if screen == before:
            break
    return screen.splitlines()
