"""Print: data to standard output, as text or as JSON; narration to standard error.

All that the CLI prints goes through here, and nothing but text and colours comes out: names, messages and the output of
agents may hold anything. Two things keep their bytes, and say so: a patch that is not for a terminal, and a recording.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import dataclass, field
from agentdeck.core.text.patterns import late
from agentdeck.core.text.text import GAP, coloured, cut, fit, pad, plain
from agentdeck.core.text.text import columns as columns_of
from agentdeck.errors import DeckError

if TYPE_CHECKING:
    from agentdeck.engine.views import Check

SCHEMA = "agentdeck/1"
"""In every JSON object; docs/json.md describes it. The number rises when a key changes its meaning or goes."""

_STYLES = {
    State.STARTING: "2",
    State.WORKING: "34",
    State.WAITING: "33;1",
    State.LIMITED: "35",
    State.DONE: "32",
    State.FAILED: "31",
    State.STOPPED: "2",
    State.LANDED: "36",
}
_SAID_BEFORE = {EventKind.AGENT_CREATED: "task: ", EventKind.RESOURCE_RELEASED: "released "}
"""What makes a sentence of an event whose text is a thing."""
_LONGEST = 400
"""Columns of an event's sentence that are told: a task may be a book."""
_ERASE = "\x1b[K"
"""Takes the rest of a line away."""
DIM, BOLD, RED, GREEN, YELLOW = "2", "1", "31", "32", "33"


_COMMAND = late(r"(?:(?<=“)|(?<=→ )|(?<=: )|(?<=&& ))agentdeck (?=[a-z])")
"""Where a text names a command of ours."""


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class TableColumn:
    title: str
    least: int
    """Fewest columns of the terminal it is cut to."""


@dataclass
class Output:
    json: bool = False
    quiet: bool = False
    colour: bool | None = None
    """None: where the stream is a terminal and NO_COLOR is not set."""
    folder: str = ""
    """What `-C` names; empty without it."""
    home: str = ""
    """What `--home` names on the machine that called; empty without it."""
    _has_progress: bool = field(default=False, init=False)
    """Whether the last line of the terminal is to be written over."""

    def __post_init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            # A name or a log line may hold what the terminal's encoding can't show; that must not end the program.
            if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
                reconfigure(errors="replace")

    # Data

    def line(self, text: str = "") -> None:
        """Print one line, or several."""
        _put(sys.stdout, coloured(text))

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Print one JSON object, on one line."""
        text = json.dumps({"schema": SCHEMA, "type": kind, **fields}, default=str)
        # The one control character that JSON lets stand as it is.
        _put(sys.stdout, text.replace("\x7f", "\\u007f"))
        sys.stdout.flush()

    def exact(self, data: bytes) -> None:
        """Print bytes as they are: a recording, or a patch for a program."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def clear_screen(self) -> None:
        if is_terminal():
            sys.stdout.write("\x1b[H\x1b[2J\x1b[3J")

    def styled(self, text: str, style: str, stream: TextIO | None = None) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if style and self.colours(stream) else text

    def colours(self, stream: TextIO | None = None) -> bool:
        """Whether to colour what goes to `stream`, by default standard output."""
        if self.colour is not None:
            return self.colour
        stream = stream or sys.stdout
        if os.environ.get("NO_COLOR"):
            return False
        return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")

    def table(self, columns: Sequence[TableColumn], rows: Sequence[Sequence[Cell]]) -> None:
        """Print rows under their titles, cut to the terminal's width; columns with nothing in them are left out."""
        clean = [[Cell(plain(cell.text), cell.style) for cell in row] for row in rows]
        shown = [index for index in range(len(columns)) if any(row[index].text for row in clean)]
        titles = [Cell(columns[index].title, DIM) for index in shown]
        lines = [titles, *([row[index] for index in shown] for row in clean)]
        natural = [max(columns_of(line[at].text) for line in lines) for at in range(len(shown))]
        widths = fit(natural, [columns[index].least for index in shown], terminal_width())
        for cells in lines:
            self.line(self._row(cells, widths))

    def _row(self, cells: Sequence[Cell], widths: Sequence[int]) -> str:
        text = ""
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            part = cut(cell.text, width)
            fill = "" if at == len(widths) - 1 else pad(part, width)[len(part) :] + " " * GAP
            text += self.styled(part, cell.style) + fill
        return text.rstrip()

    def checks(self, checks: Sequence[tuple[str, Check]]) -> None:
        """Print what was found, each under its title; nothing is cut, for what to do about it is copied from there."""
        marks = {True: Cell("✓", GREEN), None: Cell("–", YELLOW), False: Cell("✗", RED)}
        width = max((columns_of(plain(title)) for title, _ in checks), default=0)
        for title, check in checks:
            mark = marks[check.ok]
            self.line(f"{self.styled(mark.text, mark.style)}  {pad(plain(title), width)}  {plain(check.text)}".rstrip())
            if check.hint:
                self.line(f"{' ' * (width + 5)}{self.styled(plain(f'→ {self.from_here(check.hint)}'), DIM)}")

    # Narration

    def narrate(self, text: str, style: str = "") -> None:
        if not self.quiet:
            self.complain(text, style)

    def complain(self, text: str, style: str = "") -> None:
        """As `narrate`, but also when the user asked for quiet."""
        flush()
        if self._has_progress:
            sys.stderr.write(_ERASE)
            self._has_progress = False
        _put(sys.stderr, coloured(self.styled(self.from_here(text), style, sys.stderr)))
        sys.stderr.flush()

    def from_here(self, text: str) -> str:
        """`text` with each command in it as it works where the person is, for `-C` or `--home` took us elsewhere."""
        if not (self.home or self.folder):
            return text
        import shlex

        option = f"--home {shlex.quote(self.home)}" if self.home else f"-C {shlex.quote(self.folder)}"
        return _COMMAND.sub(lambda found: f"{found[0]}{option} ", text)

    def tell(self, event: Event) -> None:
        """Narrate an event; one without a sentence is for programs only."""
        if event.kind == EventKind.REMOTE_PROGRESS:
            self._tell_progress(event)
        elif event.text:
            clock = time.strftime("%H:%M:%S", time.localtime(event.at))
            style = YELLOW if event.kind == EventKind.WARNING else ""
            self.narrate(f"{clock} {plain(event.agent)}: {event_text(event)}", style)

    def _tell_progress(self, event: Event) -> None:
        """On a line that the next one takes the place of."""
        if not self.quiet and sys.stderr.isatty():
            width = columns_here()
            sys.stderr.write(f"\r{cut(f'{plain(event.agent)}: {event_text(event)}', width - 1)}{_ERASE}\r")
            sys.stderr.flush()
            self._has_progress = True

    def note(self, event: Event) -> None:
        """Narrate an event; where JSON was asked for, print it too. For verbs that stream."""
        if self.json:
            self.emit("event", **event.to_json())
        self.tell(event)

    def error(self, error: DeckError) -> None:
        self.complain(f"agentdeck: {plain(error.title)}", RED)
        for line in error.detail.splitlines():
            self.complain(f"  {plain(line)}")
        if error.hint:
            self.complain(f"→ {plain(error.hint)}")


def _put(stream: TextIO, line: str) -> None:
    stream.write(line)
    # By itself: a long write that is broken off by a reader that goes away does not fail, only the next one does.
    stream.write("\n")


def event_text(event: Event) -> str:
    return cut(plain(_SAID_BEFORE.get(event.kind, "") + event.text), _LONGEST)


def error_fields(error: DeckError) -> dict[str, Any]:
    return {
        "title": error.title,
        "detail": error.detail,
        "hint": error.hint,
        "exit_code": int(error.exit_code),
    }


def is_terminal() -> bool:
    """Whether standard output is one."""
    return sys.stdout.isatty()


def somebody_answers() -> bool:
    """Whether a person at a terminal can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> bool:
    """Whether the person at the terminal says yes; anything else is a no."""
    sys.stderr.write(f"{plain(question)} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        sys.stderr.write("\n")  # Ctrl-D ends no line
    return answer.strip().lower() in ("y", "yes")


def flush() -> None:
    sys.stdout.flush()


def give_up() -> None:
    """Send a stream that can't be written to nowhere, or Python would complain of it at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def terminal_width() -> int | None:
    """Columns to print a table in; None where standard output is no terminal and nobody said COLUMNS."""
    if not (os.environ.get("COLUMNS") or is_terminal()):
        return None
    return columns_here()


def columns_here() -> int:
    """As `shutil.get_terminal_size().columns`, without what that loads."""
    told = os.environ.get("COLUMNS", "")
    if told.isdigit() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or 80
    except (OSError, ValueError):
        return 80


def state_cell(state: State) -> Cell:
    return Cell(f"{state.glyph} {state}", _STYLES[state])


def at_terminal(out: Output) -> bool:
    """Whether a person can be asked."""
    return not out.json and somebody_answers()


def inside_agent() -> bool:
    """Whether an agent calls, whose terminal is no person's."""
    from agentdeck.system.machine import host

    return host.inside_agent()
