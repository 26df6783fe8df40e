"""The runner follows the transcript that the agent's CLI writes: from it come the log, what the agent does now, and
what it has taken. A CLI's own files may be gone by the time that a person reads the log.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agentdeck.core.agents.agent import Mode
from agentdeck.core.agents.orders import Orders
from agentdeck.core.frozen import replace
from agentdeck.core.text.ansi import strip
from agentdeck.core.transcripts.activity import Activity
from agentdeck.core.transcripts.formats import Place, reader_of
from agentdeck.core.transcripts.reading import Lines, Reader, read_line
from agentdeck.core.transcripts.records import Kind, Record
from agentdeck.core.transcripts.wording import Wording
from agentdeck.engine.runner.terminal_log import TerminalLog
from agentdeck.errors import DeckError
from agentdeck.system.files.files import append_line, read_json, write_json
from agentdeck.system.state.recording import Recorder
from agentdeck.system.state.store import ACTIVITY
from agentdeck.system.terminal.pane import capture
from agentdeck.system.transcripts.finding import root_of
from agentdeck.system.transcripts.following import Follower

_SOON = 0.25
_LATER = (0.6, 1.5)
"""Seconds after output at which the transcript is looked at: it is written a moment later."""
_WORKING = 1.0
"""Seconds between two looks while the agent works."""
_PATIENCE = 20.0
"""Seconds that a headless run's transcript is awaited, from the first record that it prints, before what it prints is
taken in its place."""
_SILENT = 3.0
"""Seconds after which a transcript that says nothing while the program prints may be another session's by now."""
_SCREEN_LINES = 60
_ONLY_PRINTED = frozenset({Kind.DENIED, Kind.COST, Kind.RETRY, Kind.LIMITS})
"""What only a headless run may know, by what it prints."""


class TranscriptLog:
    def __init__(
        self, orders: Orders, recorder: Recorder, usage: Path, told: Callable[[Sequence[Record]], None]
    ) -> None:
        """`usage` is the file to which goes what each request took; `told` gets all records that are new."""
        self._orders, self._recorder, self._usage, self._told = orders, recorder, usage, told
        self._path = Path(ACTIVITY)
        self.activity, self._positions = _kept(self._path)
        self._wording = Wording()
        self._terminal = TerminalLog(recorder)
        self._follower: Follower | None = None
        self._printed: _Printed | None = None
        self._place = Place()
        self._inside = ""
        """How a path begins that lies in the folder in which the program runs."""
        self._begun = time.time()
        self._output_at = self._looked_at = self._sought_at = self._told_at = 0.0
        self._unseen_at: float | None = None
        """When output came that no look has followed yet; monotonic."""
        self.records = 0
        """How many were read since the program was launched."""

    @property
    def keeps_log(self) -> bool:
        """Whether the log comes from records, and not from what the program prints."""
        return self._place.format != ""

    @property
    def runs_tool(self) -> bool:
        """Whether a tool was called that has not returned, or a sub-agent is at work."""
        return bool(self.activity.calls or self.activity.subagents)

    @property
    def _prints(self) -> bool:
        return self._orders.mode is Mode.HEADLESS and self._place.prints != ""

    def launched(self, orders: Orders, cwd: str, environment: Mapping[str, str], session: str) -> None:
        """A program was started, perhaps of another profile than before."""
        self._orders, self._place, self.records = orders, orders.transcript, 0
        self._inside = f"{cwd.rstrip('/')}/"
        self._begun = time.time()
        self.activity.calls, self.activity.subagents, self.activity.asked = {}, {}, ""
        self._follower = self._printed = None
        self._terminal.launched()
        if self.keeps_log:
            root = root_of(self._place, environment)
            self._follower = Follower(self._place, root, cwd, self._begun - 2.0, self._positions)
            self._follower.told(session)
            if self._prints:
                self._printed = _Printed(reader_of(self._place.prints))

    def told_session(self, session: str, path: str = "") -> None:
        """The CLI itself says which session it is in."""
        if self._follower is not None:
            self._follower.told(session, path)

    def told_window(self, tokens: int) -> None:
        """The CLI itself says how much its context can hold."""
        if self.activity.window != tokens:
            self.activity.window = tokens
            self._save()

    def output(self, data: bytes, plain: str) -> None:
        """The program printed `data`, which is `plain` as text."""
        self._output_at = time.monotonic()
        if self._unseen_at is None:
            self._unseen_at = self._output_at
        if self._printed is not None:
            if text := self._printed.feed(data):
                self._recorder.log_text(text)
        elif not self.keeps_log:
            self._terminal.output(data, plain, self._output_at)

    def tick(self, now: float, *, works: bool) -> float | None:
        """Look at what is new where that is due; return when to come again. Times are monotonic."""
        if self._follower is None:
            return self._terminal.tick(now)
        due = self._due(works=works)
        if due is not None and now >= due:
            self.look(now)
            due = self._due(works=works)
        return due

    def _due(self, *, works: bool) -> float | None:
        if self._unseen_at is not None:
            return self._unseen_at + _SOON
        for later in _LATER:
            if self._looked_at < self._output_at + later:
                return self._output_at + later
        return self._looked_at + _WORKING if works else None

    def look(self, now: float, *, last: bool = False) -> None:
        """Take up all that is new; `last`: the program has ended."""
        self._looked_at, self._unseen_at = now, None
        if self._follower is None:
            return
        if self._printed is not None and self._printed.is_log:
            records = self._printed.taken()
        else:
            self._seek(self._follower, now, last=last)
            records = [*self._follower.look(), *self._of_printed()]
        if records:
            self._told_at = now
            self._take(records)

    def _seek(self, follower: Follower, now: float, *, last: bool) -> None:
        """Look for the transcript where that is due."""
        if not follower.is_sure and (last or now >= self._sought_at):
            self._sought_at = now + min(2.0, 0.25 + (time.time() - self._begun) / 10)
            follower.seek()
        elif not self._orders.reports and self._told_at + _SILENT < min(self._output_at, now - _SILENT):
            self._told_at = now
            follower.seek_newer()

    def ended(self, code: int) -> None:
        """The program has ended: take up what it wrote last."""
        self._terminal.ended()
        self.look(time.monotonic(), last=True)
        found = self._follower.found if self._follower is not None else None
        if self._printed is not None and (self.records == 0 or found is None):
            self._take(self._printed.taken())
        if self.keeps_log and (self.records == 0 or code != 0) and not self._prints:
            # Why it ended may be nowhere else.
            screen = (capture() if self._orders.mode is Mode.INTERACTIVE else "") or self._recorder.tail
            self._recorder.log_lines(screen.strip("\n").splitlines()[-_SCREEN_LINES:])
        self.activity.calls, self.activity.subagents, self.activity.asked = {}, {}, ""
        self._save()

    def _of_printed(self) -> list[Record]:
        """What a headless run has printed that its transcript does not say; all of it where it has no transcript."""
        printed, follower = self._printed, self._follower
        if printed is None or follower is None or not printed.held:
            return []
        if follower.found is not None:
            known = self.activity.denied_calls
            return [each for each in printed.taken() if each.kind in _ONLY_PRINTED and each.call not in known]
        if time.monotonic() > printed.since + _PATIENCE:
            # From now on: a transcript that came later would say all of it again, after what followed.
            printed.is_log = True
            return printed.taken()
        return printed.taken(Kind.RETRY)  # which no transcript tells

    def _take(self, records: Sequence[Record]) -> None:
        self.records += len(records)
        records = [self._from_worktree(record) for record in records]
        for record in records:
            self.activity.take(record)
            if lines := list(self._wording.lines(record)):
                self._recorder.log_lines(lines, record.at)
            if record.kind is Kind.USAGE and record.usage is not None:
                self._write_usage(record)
        self._save()
        self._told(records)

    def _from_worktree(self, record: Record) -> Record:
        """With a path below the agent's folder as it is seen from there."""
        return replace(record, arguments=record.arguments.removeprefix(self._inside)) if record.arguments else record

    def _write_usage(self, record: Record) -> None:
        usage = record.usage
        assert usage is not None
        fields = {"at": record.at or time.time(), "key": record.key, "model": record.model, "wired": self._orders.wired}
        fields |= {"input": usage.input, "output": usage.output}
        fields |= {"cache_read": usage.cache_read, "cache_write": usage.cache_write}
        with contextlib.suppress(OSError, DeckError):  # a full disk must not end the agent
            append_line(self._usage, json.dumps(fields))

    def _save(self) -> None:
        with contextlib.suppress(OSError, DeckError):
            write_json(self._path, {"activity": self.activity.to_json(), "read": self._positions}, durable=False)


class _Printed:
    """What a headless run prints: records on lines of JSON, and text."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._lines = reader, Lines()
        self.held: list[Record] = []
        self.since = 0.0
        """When the first record came; monotonic."""
        self.is_log = False
        """Whether the records are all that is known of the run: it has no transcript."""

    def feed(self, data: bytes) -> str:
        """Take up the records; return the text, which is not JSON."""
        text = ""
        for line in self._lines.feed(data):
            if line.lstrip().startswith(b"{"):
                self.since = self.since or time.monotonic()
                self.held += read_line(self._reader, line)
            else:
                text += line.decode("utf-8", "replace") + "\n"
        return strip(text)

    def taken(self, kind: Kind | None = None) -> list[Record]:
        """All that is held, or what is of that kind, which then is held no more."""
        taken = [each for each in self.held if kind is None or each.kind is kind]
        self.held = [each for each in self.held if kind is not None and each.kind is not kind]
        return taken


def _kept(path: Path) -> tuple[Activity, dict[str, int]]:
    """What an earlier run has left."""
    try:
        data = read_json(path)
        return Activity.from_json(data["activity"]), {str(key): int(value) for key, value in data["read"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Activity(), {}
