"""What the runner finds out of the work that its agent has done: from its transcript, the gateway and git."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentdeck.core.agents.agent import Mode, Status
from agentdeck.core.agents.orders import Orders
from agentdeck.core.agents.reports import Report
from agentdeck.core.agents.verdict import Change, Evidence, Verdict, verdict
from agentdeck.core.frozen import replace
from agentdeck.core.transcripts.records import Kind, Record
from agentdeck.system.git.change import Look, has_commits, look, places
from agentdeck.system.state.store import Store

_TELLING = frozenset({Kind.TEXT, Kind.DENIED, Kind.RESULT, Kind.ERROR, Kind.TURN_END})


class Findings:
    def __init__(self, orders: Orders, store: Store) -> None:
        self._orders, self._store = orders, store
        self._evidence = Evidence(level=orders.level)
        self._before: Look | None = None
        self._places: Mapping[str, str] = {}
        self._environment: Mapping[str, str] = {}
        self._begun = time.time()

    @property
    def _judges(self) -> bool:
        """Whether there is something to judge by: the exit code of a command tells all of it."""
        return self._orders.judged

    def launched(self, orders: Orders, cwd: str, environment: Mapping[str, str]) -> None:
        """A program was started, perhaps of another profile than before."""
        self._orders, self._environment = orders, environment
        self._evidence = Evidence(level=orders.level)
        if self._judges and self._before is None:
            self._begun = time.time()
            self._places = places(cwd)
            if orders.box and self._places:
                from agentdeck.system.git.untrusted import variables

                names = ("GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_DIR")
                self._places |= variables(*(Path(self._places[name]) for name in names))
            with contextlib.suppress(OSError):
                self._before = look(cwd, {**environment, **self._places})

    def take(self, records: Sequence[Record]) -> bool:
        """Learn from what came to the transcript; return whether a verdict may be another now."""
        attended = self._orders.mode is Mode.INTERACTIVE
        for record in records:
            self._evidence = self._evidence.take(record, attended=attended)
        return any(record.kind in _TELLING for record in records)

    def verdict(self, refusal: Report | None = None) -> Verdict | None:
        """How a turn or a run stands that ended well as far as its program says; None for a command. `refusal` is why
        the gateway refused its last request, if it did."""
        if not self._judges:
            return None
        evidence = replace(self._evidence, change=self._change())
        if refusal is not None:
            evidence = replace(evidence, unserved=refusal.reason, unserved_fault=refusal.fault)
        return verdict(evidence, over=self._orders.mode is Mode.HEADLESS)

    def judged(self, final: Status, refusal: Report | None) -> Status:
        """The status of a run that is over."""
        found = self.verdict(refusal)
        if found is None or (self._orders.mode is Mode.INTERACTIVE and not found.result):
            return final
        return replace(final, state=found.state, reason=found.reason, fault=found.fault, result=found.result)

    def _change(self) -> Change:
        folder, environment, before = self._orders.cwd, {**self._environment, **self._places}, self._before
        try:
            now = look(folder, environment) if before is not None else None
        except OSError:
            return Change.BROKEN
        if now is None or before is None:
            return Change.UNKNOWN
        if now.is_dirtier_than(before):
            return Change.UNCOMMITTED
        if now.head == before.head:
            return Change.NONE
        return Change.COMMITTED if has_commits(folder, environment, before.head, now.head) else Change.MOVED
