"""Slots over a clock that is changed, and ticks that come whenever they like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.schedules.slots import NAMES, PROMPT, Act, Plan, check_cron, decide

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)


def ticks(plan: Plan, start: datetime, hours: int, every: timedelta = timedelta(minutes=1)) -> list[str]:
    """What starts, in local time, while the tick comes that often."""
    handled, now, started = start.astimezone(UTC), start.astimezone(UTC), []
    while now < start.astimezone(UTC) + timedelta(hours=hours):
        found = decide(plan, "deps", "host", handled, now, works=False)
        if found.slot is not None:
            handled = found.slot
            if found.act is Act.START:
                started.append(f"{found.slot.astimezone(BERLIN):%d %H:%M %Z}")
        now += every
    return started


@pytest.mark.parametrize(
    ("day", "cron", "expected"),
    [
        (SPRING, "30 2 * * *", ["29 03:00 CEST", "30 02:30 CEST"]),
        (AUTUMN, "30 2 * * *", ["25 02:30 CEST", "26 02:30 CET"]),
        (SPRING, "0 3 * * *", ["29 03:00 CEST", "30 03:00 CEST"]),
        (AUTUMN, "0 3 * * *", ["25 03:00 CET", "26 03:00 CET"]),
        (SPRING, "@daily", ["30 00:00 CEST", "31 00:00 CEST"]),
    ],
)
def test_a_day_has_one_slot_also_when_the_clock_is_changed(day: datetime, cron: str, expected: list[str]) -> None:
    assert ticks(Plan(cron, "Europe/Berlin"), day, 48) == expected


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_an_hourly_one_comes_once_each_hour_that_there_is(day: datetime) -> None:
    found = ticks(Plan("@hourly", "Europe/Berlin"), day, 6)
    assert len(found) == len(set(found)) == 5


moments = st.integers(0, 5 * 86_400).map(lambda second: datetime(2026, 3, 27, tzinfo=UTC) + timedelta(seconds=second))
crons = st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 */3 * * 1-5", "@hourly", "@daily", "15 2,3 * * *"])


@given(
    crons,
    st.sampled_from(["", "UTC", "Europe/Berlin", "America/New_York"]),
    st.sampled_from([PROMPT, timedelta(hours=6)]),
    st.lists(moments, min_size=1, max_size=25),
    st.booleans(),
)
def test_a_slot_never_starts_twice_nor_too_late(
    cron: str, zone: str, late: timedelta, when: list[datetime], works: bool
) -> None:
    plan = Plan(cron, zone, late)
    handled, started = datetime(2026, 3, 27, tzinfo=UTC), []
    for now in sorted(when):
        found = decide(plan, "deps", "host", handled, now, works=works)
        if found.slot is None:
            continue
        assert handled < found.slot <= now
        if found.act is Act.START:
            assert now - found.slot <= max(late, PROMPT) and not works
            started.append(found.slot)
        handled = found.slot
    assert len(started) == len(set(started))


@given(st.text(max_size=20), st.text(max_size=20), st.integers(1, 3600))
def test_the_delay_is_the_same_each_time_and_within_its_bounds(name: str, host: str, seconds: int) -> None:
    plan = Plan("@daily", jitter=timedelta(seconds=seconds))
    assert timedelta() <= plan.delay(name, host) < timedelta(seconds=seconds)
    assert plan.delay(name, host) == plan.delay(name, host)


def test_what_was_missed_is_counted() -> None:
    plan, now = Plan("@hourly", "UTC", timedelta(hours=2)), datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
    found = decide(plan, "deps", "host", datetime(2026, 6, 1, 8, 0, tzinfo=UTC), now, works=False)
    assert (found.act, found.missed) == (Act.START, 3)


@pytest.mark.parametrize("text", ["", "@reboot", "0 3 * *", "61 * * * *", "0 0 30 2 *", "a b c d e"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cron expression"):
        check_cron(text)


def test_names_are_understood() -> None:
    assert [check_cron(name) for name in NAMES] == list(NAMES)
