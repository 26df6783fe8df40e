"""When a schedule is due. Times are aware datetimes; cronsim knows what a clock that is changed does to them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.durations import parse_duration

if TYPE_CHECKING:
    from cronsim import CronSim

NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
PROMPT = timedelta(minutes=5)
"""A slot that is no older than this was not missed: a tick comes every minute, and may come late."""
_COUNTED = 1000


class Act(StrEnum):
    NOTHING = "nothing"
    START = "start"
    MISSED = "missed"
    """The slot is too old to be made up for."""
    SKIPPED = "skipped"
    """The last run still works."""
    DEFERRED = "deferred"
    """It stays due: the last run still works, or there is no room."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a schedule says of its times."""

    cron: str
    zone: str = ""
    catch_up: timedelta = PROMPT
    """How old a slot may be that is made up for."""
    queues: bool = False
    """Whether a slot waits for the last run, instead of being skipped."""
    jitter: timedelta = timedelta()

    @classmethod
    def of(cls, cron: str, zone: str, catch_up: str, overlap: str, jitter: str) -> Plan:
        """From the words of the configuration, which are known to be right."""
        late, spread = seconds_of(catch_up), seconds_of(jitter)
        return cls(
            cron,
            zone,
            PROMPT if late is None else timedelta(seconds=late),
            overlap == "queue",
            timedelta(seconds=spread or 0.0),
        )

    @property
    def tz(self) -> tzinfo | None:
        return ZoneInfo(self.zone) if self.zone else None

    def delay(self, name: str, host: str) -> timedelta:
        """How much later than its slot it starts on this machine: the same every time, so that nothing drifts."""
        seconds = int(self.jitter.total_seconds())
        if not seconds:
            return timedelta()
        found = hashlib.sha256(f"{name}@{host}".encode()).digest()
        return timedelta(seconds=int.from_bytes(found[:4], "big") % seconds)

    def upcoming(self, now: datetime, count: int) -> list[datetime]:
        slots = _slots(self.cron, now.astimezone(self.tz))
        return [found for _, found in zip(range(count), slots, strict=False)]

    def newest(self, now: datetime) -> datetime | None:
        """The last slot that is not later than `now`."""
        after = now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        return next(_in_utc(_slots(self.cron, after.astimezone(self.tz), reverse=True)), None)

    def missed(self, handled: datetime, newest: datetime) -> int:
        """How many slots lie between these two."""
        older = _in_utc(_slots(self.cron, newest.astimezone(self.tz), reverse=True))
        return sum(1 for _ in _until(older, handled))


@dataclass(frozen=True, slots=True)
class Decision:
    act: Act
    slot: datetime | None = None
    missed: int = 0
    """How many older slots came to nothing."""


def decide(plan: Plan, name: str, host: str, handled: datetime, now: datetime, *, works: bool) -> Decision:
    """What is to be done now; `handled` is the last slot of which something became, `works` says whether its run still
    does."""
    slot = plan.newest(now - plan.delay(name, host))
    if slot is None or slot <= handled:
        return Decision(Act.NOTHING)
    missed = plan.missed(handled, slot)
    if now - plan.delay(name, host) - slot > max(plan.catch_up, PROMPT):
        return Decision(Act.MISSED, slot, missed)
    if works:
        return Decision(Act.DEFERRED if plan.queues else Act.SKIPPED, slot, missed)
    return Decision(Act.START, slot, missed)


def seconds_of(span: str) -> float | None:
    """Of a span in the configuration; None for `no`."""
    return None if span == "no" else parse_duration(span)


def _in_utc(slots: Iterator[datetime]) -> Iterator[datetime]:
    """Two times of one zone are compared as its clocks show them, where an hour comes twice in autumn."""
    return (slot.astimezone(UTC) for slot in slots)


def _until(slots: Iterator[datetime], handled: datetime) -> Iterator[datetime]:
    for _, slot in zip(range(_COUNTED), slots, strict=False):
        if slot <= handled:
            return
        yield slot


def _slots(cron: str, start: datetime, *, reverse: bool = False) -> CronSim:
    from cronsim import CronSim

    return CronSim(NAMES.get(cron, cron), start, reverse=reverse)


def check_cron(text: str) -> str:
    """Return `text`; raise ValueError where it is no cron expression, or names no time that ever comes."""
    from cronsim import CronSimError

    try:
        next(_slots(text, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"“{text}” is not a cron expression such as “0 3 * * 1-5”, or @daily") from error
    return text
