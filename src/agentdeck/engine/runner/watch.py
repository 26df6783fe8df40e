"""Tell an agent's state from what it prints, what its screen shows and what its own hooks report.

The screen is looked at when output has rested, and every few seconds while it trickles; a quiet agent costs nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from agentdeck.core.agents.agent import Fault, Mode, State, Status
from agentdeck.core.agents.detect import count, detect
from agentdeck.core.agents.orders import Orders
from agentdeck.core.agents.reports import Report, read_report
from agentdeck.core.transcripts.records import Kind, Record
from agentdeck.system.files.files import from_json
from agentdeck.system.terminal.pane import capture

_TRICKLE = 2.0
"""Seconds between looks while output does not rest."""
_FALLBACK_LINES = 100
_STALE = (State.WORKING, State.DONE)
"""What a screen that is not drawn to its end says of an agent that has reported its end."""
_TROUBLE = (State.LIMITED, State.FAILED)
"""What screens and hooks say of a request that the gateway refused; why, the gateway says itself."""


class Watch:
    """The state of the agent as far as it is known; `change` is called with every new one."""

    def __init__(self, orders: Orders, status: Status, change: Callable[[Status], None]) -> None:
        self.status = status
        self._orders, self._change = orders, change
        self._patterns = any((orders.detectors.waiting, orders.detectors.done, orders.detectors.limited))
        self._session = re.compile(orders.session_pattern) if orders.session_pattern else None
        self._recent = ""
        self._reported = False
        """Whether the state is what the CLI itself reported, and not what its screen showed."""
        self._printed: float | None = None
        """When output came that no look has seen yet; monotonic, as all times here."""
        self._first_unseen = 0.0
        self.rested = False
        """Whether output has rested at least once: the program is up."""
        self.working_as = ""
        """The reason of an agent that works, where there is something to say."""
        self.limited_as = ""
        """The reason of an agent that is limited, in place of what its screen says."""
        self._old_limits = 0
        """How many places of the screen tell of a limit that is over."""
        self._shows_history = False
        self._told_limits = 0
        """How many places of what it was told seem to tell of a limit."""

    def output(self, plain: str) -> None:
        now = time.monotonic()
        if self._printed is None:
            self._first_unseen = now
        self._printed = now
        self._recent = (self._recent + plain)[-16384:]

    def ignore(self, text: str, *, history: bool) -> None:
        """`text` is put on the screen by us; that it speaks of a limit means nothing. With `history` the program shows
        what was on its screen when it was limited."""
        self._told_limits = count(text, self._orders.detectors.limited)
        self._shows_history = history

    def limit_is_over(self) -> None:
        """The agent goes on; what its screen still says of its limit is old."""
        self._old_limits = count(self.screen(), self._orders.detectors.limited)
        self.limited_as = ""
        self._reported = False
        self._set(state=State.WORKING, reason="")

    def screen(self) -> str:
        """The text on the agent's screen."""
        return capture() or "\n".join(self._recent.splitlines()[-_FALLBACK_LINES:])

    def next_look(self) -> float | None:
        """When the screen is to be looked at; None while nothing new was printed."""
        if self._printed is None or not (self._patterns or self._session or not self.rested):
            return None
        return min(self._printed + self._orders.quiet, self._first_unseen + _TRICKLE)

    def tick(self, now: float) -> None:
        due = self.next_look()
        if due is None or now < due:
            return
        self.rested = self.rested or (self._printed is not None and now >= self._printed + self._orders.quiet)
        self._printed = None
        self._find_session()
        if self._patterns:
            self._judge_screen()

    def _judge_screen(self) -> None:
        screen, detectors = self.screen(), self._orders.detectors
        if self._shows_history:
            self._shows_history = False
            self._old_limits = count(screen, detectors.limited)
        if self._old_limits or self._told_limits:
            shown = count(screen, detectors.limited)
            self._old_limits = min(self._old_limits, shown)
            if shown <= self._old_limits + self._told_limits:
                detectors = replace(detectors, limited=())
        found = detect(screen, detectors)
        if found is None:
            # Something was printed, and nothing on the screen says that it waits or is finished.
            if self.status.state in (State.WAITING, State.LIMITED) and not self._reported:
                self._set(state=State.WORKING, reason="")
            return
        state, reason = found
        if self.status.fault is Fault.BUDGET and state in _TROUBLE:
            return
        if self._reported and (state is self.status.state or (state, self.status.state) == _STALE):
            return  # its own report knows better, and says why
        self._reported = False
        self._set(state=state, reason=reason)

    def last_look(self, inbox: Path) -> None:
        """The program has ended: learn what it left to be learned."""
        self._find_session()
        self.take_reports(inbox)

    def take_records(self, records: Sequence[Record]) -> None:
        """Learn from what came to the CLI's own transcript."""
        for record in records:
            if record.kind in (Kind.SESSION, Kind.USAGE) and record.ok and not record.agent:
                fields = {key: value for key in ("session", "model") if (value := getattr(record, key))}
                self._set(**fields)

    def _find_session(self) -> None:
        if self._session is not None and (match := self._session.search(self._recent)) is not None:
            self._set(session=match["session"])

    def take_reports(self, inbox: Path) -> None:
        """Read what the CLI's hooks have put into `inbox`, oldest first, and take it away."""
        files = [path for path in inbox.glob("*.json") if path.is_file()]
        for path in sorted(files, key=lambda path: path.stat().st_mtime_ns):
            try:
                payload = from_json(path.read_bytes())
            except (OSError, ValueError):
                payload = None
            path.unlink(missing_ok=True)
            report = read_report(payload) if isinstance(payload, dict) else None
            if report is not None:
                self._take(report)

    def _take(self, report: Report) -> None:
        fields = {key: value for key in ("session", "model") if (value := getattr(report, key))}
        self._set(**fields)
        if report.state is State.DONE and self._orders.detectors.limited:
            # What the screen says of a limit when a turn went well is old: a resumed program shows its past.
            self._old_limits = count(self.screen(), self._orders.detectors.limited)
        if self.status.fault is Fault.BUDGET and report.state in _TROUBLE and report.fault is not Fault.BUDGET:
            return  # what the CLI makes of the gateway's refusal
        if report.state is not None:
            self._reported = True
            self._set(state=report.state, reason=report.reason, fault=report.fault)

    def _set(self, **fields: object) -> None:
        if self._orders.mode is Mode.HEADLESS and fields.get("state") in (State.DONE, State.FAILED):
            return  # whether it went well, the end of its process tells
        new = replace(self.status, **fields)  # type: ignore[arg-type]
        if new.state is State.WORKING and self.status.state is State.WORKING:
            new = replace(new, reason=self.working_as)
        if new.state is not self.status.state:
            new = replace(new, since=time.time())
            if new.state is State.WORKING:
                new = replace(new, reason=self.working_as, fault=Fault.NONE)
        if new.state is State.LIMITED and self.limited_as:
            new = replace(new, reason=self.limited_as)
        if new == self.status:
            return
        self.status = new
        self._change(new)
