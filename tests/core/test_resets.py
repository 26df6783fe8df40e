from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.resets import reset_time
from agentdeck.core.text.durations import clock

NOW = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
DAY = 86400.0


def read(text: str, now: datetime = NOW) -> datetime | None:
    found = reset_time(text, now.timestamp(), UTC)
    return datetime.fromtimestamp(found, UTC) if found is not None else None


def on(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[misc,arg-type]


MESSAGES = [
    ("You’ve hit your usage limit. Upgrade to Pro (https://x.y/pro) or try again at 1:47 AM.", on(2026, 11, 26, 1, 47)),
    ("or try again at Nov 28th, 2026 1:47 AM.", on(2026, 11, 28, 1, 47)),
    ("Try again in 3 days 4 hours 9 minutes.", on(2026, 11, 28, 18, 39)),
    ("You've hit your session limit · resets 3pm (Europe/Berlin)", on(2026, 11, 26, 14)),
    ("You've hit your session limit · resets 3:45pm (Europe/Berlin)", on(2026, 11, 25, 14, 45)),
    ("Your limit will reset at 3pm (America/New_York).", on(2026, 11, 25, 20)),
    ("Claude AI usage limit reached|1795618800", on(2026, 11, 25, 15)),
    ("Weekly limit reached ∙ resets Mon 3:00 PM", on(2026, 11, 30, 15)),
    ("resets Wed 9am", on(2026, 12, 2, 9)),
    ("resets Dec 20, 5pm", on(2026, 12, 20, 17)),
    ("resets 2 December at 9am (UTC)", on(2026, 12, 2, 9)),
    ("resets tomorrow at 09:00", on(2026, 11, 26, 9)),
    ("resets 12am", on(2026, 11, 26)),
    ("resets 12pm", on(2026, 11, 26, 12)),
    ("resets at 16:00 CET", on(2026, 11, 25, 15)),
    ("resets at 16:00 UTC+2", on(2026, 11, 26, 14)),
    ("rate limit exceeded: try again in 1.5s", NOW + timedelta(seconds=1.5)),
    ("try again in 20ms", NOW + timedelta(seconds=0.02)),
    ("Please retry in 34.07s.", NOW + timedelta(seconds=34.07)),
    ("Your quota will reset after 2h12m5s.", NOW + timedelta(hours=2, minutes=12, seconds=5)),
    ('"retryDelay": "34s"', NOW + timedelta(seconds=34)),
    ('{"resets_in_seconds":1234}', NOW + timedelta(seconds=1234)),
    ("retry-after: 3600", NOW + timedelta(hours=1)),
    ("limited until 2026-11-25T16:05:00Z", on(2026, 11, 25, 16, 5)),
    ("resets at 2026-11-25 18:05:00+02:00", on(2026, 11, 25, 16, 5)),
    ("resets at 2026-11-25T16:05:00.123Z", on(2026, 11, 25, 16, 5)),
    ("limit, try again in 5s\nlimit, try again in 9s", NOW + timedelta(seconds=9)),
]


@pytest.mark.parametrize(("text", "wanted"), MESSAGES)
def test_the_messages_of_real_clis_and_providers(text: str, wanted: datetime) -> None:
    found = read(text)
    assert found is not None
    assert abs((found - wanted).total_seconds()) < 0.01


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Try again later",
        "API Error: Request rejected (429) · This may be a temporary capacity issue",
        "We waited 3 times until it worked",
        "resets at 25:99",
        "resets 13pm",
        "resets Feb 30, 5pm",
        "try again in 3 years 400 days",
        "reset 2020-01-01T00:00:00Z",
        "limit reached|99999999999999999999",
    ],
)
def test_what_names_no_time_has_none(text: str) -> None:
    assert read(text) is None


@given(st.text(max_size=200))
def test_no_text_is_a_problem(text: str) -> None:
    for cue in ("", "resets ", "try again in "):
        found = reset_time(cue + text, NOW.timestamp(), UTC)
        assert found is None or NOW.timestamp() <= found <= NOW.timestamp() + 31 * DAY


ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
MOMENTS = st.integers(0, 1095 * 86400).map(lambda ahead: on(2025, 1, 1) + timedelta(seconds=ahead))


@given(MOMENTS, ZONES, st.integers(2, 23 * 60))
def test_a_time_of_day_is_the_next_one_past_midnight_too(now: datetime, zone: str, minutes: int) -> None:
    target = (now + timedelta(minutes=minutes)).astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0)
    for text in (f"resets {target:%I:%M%p} ({zone})", f"try again at {target:%-I:%M %p} {zone}"):
        found = reset_time(text, now.timestamp(), UTC)
        assert found is not None
        shown = datetime.fromtimestamp(found, ZoneInfo(zone))
        assert now.timestamp() <= found <= now.timestamp() + 1.1 * DAY
        # Where the clocks are put forward or back, an hour is there never or twice.
        assert (shown.hour, shown.minute) == (target.hour, target.minute) or abs(found - target.timestamp()) <= 3600


@given(MOMENTS, st.floats(0.01, 86400 * 30), st.sampled_from(["s", "m", "h", "d", " minutes", " hours", " seconds"]))
def test_a_length_of_time_is_added_to_now(now: datetime, amount: float, unit: str) -> None:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit.strip()[0]]
    found = reset_time(f"Please try again in {amount:.3f}{unit}.", now.timestamp(), UTC)
    wanted = round(amount, 3) * seconds
    if wanted <= 31 * DAY:
        assert found is not None
        assert abs(found - now.timestamp() - wanted) < 0.01
    else:
        assert found is None


@given(MOMENTS, st.integers(1, 29 * 86400), st.sampled_from([0, 2, -5, 5.5]))
def test_an_iso_time_is_what_it_says(now: datetime, ahead: int, offset: float) -> None:
    zone = timezone(timedelta(hours=offset))
    target = (now + timedelta(seconds=ahead)).replace(microsecond=0).astimezone(zone)
    found = reset_time(f"limit resets at {target.isoformat()}", now.timestamp(), UTC)
    assert found == pytest.approx(max(target.timestamp(), now.timestamp()))


def test_without_a_zone_the_machines_own_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        found = reset_time("try again at 1:47 AM", NOW.timestamp())
        assert found == on(2026, 11, 25, 16, 47).timestamp()
        assert clock(found, NOW.timestamp()) == "Nov 26 01:47" or clock(found, NOW.timestamp()) == "01:47"
    finally:
        monkeypatch.undo()
        time.tzset()


PLACES = sorted(name for name in available_timezones() if "/" in name)


@given(MOMENTS, st.sampled_from(PLACES), st.integers(2, 22 * 60), st.sampled_from(["{} ({})", "{} {}", "{}\n({})"]))
def test_every_place_that_is_known_is_read(now: datetime, name: str, minutes: int, form: str) -> None:
    zone = ZoneInfo(name)
    target = (now + timedelta(minutes=minutes)).astimezone(zone).replace(second=0, microsecond=0)
    found = reset_time("resets at " + form.format(f"{target:%H:%M}", name), now.timestamp(), ZoneInfo("Asia/Tokyo"))
    assert found is not None
    assert abs(found - target.timestamp()) <= 7200, "but for an hour that is there twice, or never"
    if target.utcoffset() == now.astimezone(zone).utcoffset() == (target + timedelta(days=1)).utcoffset():
        assert found == target.timestamp()


@given(
    MOMENTS,
    st.integers(-12, 14),
    st.sampled_from([0, 15, 30, 45]),
    st.integers(2, 22 * 60),
    st.sampled_from(["UTC{}{:02}:{:02}", "GMT{}{:02}{:02}", "{}{:02}:{:02}", "{}{:02}{:02}", "(UTC{}{:02}:{:02})"]),
)
def test_every_offset_is_read(now: datetime, hours: int, part: int, minutes: int, form: str) -> None:
    sign = -1 if hours < 0 else 1
    zone = timezone(timedelta(hours=hours, minutes=sign * part))
    target = (now + timedelta(minutes=minutes)).astimezone(zone).replace(second=0, microsecond=0)
    for minus in "-−":
        told = form.format(minus if hours < 0 else "+", abs(hours), part)
        found = reset_time(f"try again at {target:%H:%M} {told}.", now.timestamp(), ZoneInfo("Asia/Tokyo"))
        assert found == target.timestamp(), told


@pytest.mark.parametrize(
    ("told", "zone"),
    [
        ("3pm UTC", UTC),
        ("3pm (utc)", UTC),
        ("3pm Z", UTC),
        ("3pm UTC-5", timezone(timedelta(hours=-5))),
        ("3pm (Etc/GMT+5)", timezone(timedelta(hours=-5))),
        ("3pm (America/Port-au-Prince)", ZoneInfo("America/Port-au-Prince")),
        ("3pm ET", ZoneInfo("America/New_York")),
        ("3pm Pacific Time", ZoneInfo("America/Los_Angeles")),
        ("3pm AEST", timezone(timedelta(hours=10))),
        ("3pm IST", ZoneInfo("Asia/Kolkata")),
        ("3pm local time", None),
        ("3pm or upgrade", None),
        ("3pm\nERROR follows", None),
        ("3pm (in a while)", None),
    ],
)
def test_a_zone_is_read_as_it_is_written(told: str, zone: tzinfo | None) -> None:
    local = ZoneInfo("Asia/Tokyo")
    found = reset_time(f"resets {told}", NOW.timestamp(), local)
    assert found is not None
    shown = datetime.fromtimestamp(found, zone or local)
    assert (shown.hour, shown.minute, found > NOW.timestamp()) == (15, 0, True)


UNKNOWN = ["CST", "AST", "XYZT", "(Europe/Nowhere)", "(Mars/Olympus_Mons)", "UTC+25", "+99:00", "Central European Time"]


@pytest.mark.parametrize("told", UNKNOWN)
@pytest.mark.parametrize("form", ["resets 3pm {}", "try again at 15:00 {} or upgrade", "resets Nov 28, 3pm {}"])
def test_a_zone_that_can_not_be_told_is_no_time(told: str, form: str) -> None:
    assert reset_time(form.format(told), NOW.timestamp(), UTC) is None
    newest = f"limit, try again at 4pm (UTC)\n{form.format(told)}"
    assert reset_time(newest, NOW.timestamp(), UTC) is None, "what a line above says is older"
    assert read(f"try again in 5s, {form.format(told)}") == NOW + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("told", "place", "hours"),
    [
        ("CST", "Asia/Shanghai", 8),
        ("CST", "America/Chicago", -6),
        ("IST", "Asia/Jerusalem", 2),
        ("IST", "Europe/Dublin", 1),
    ],
)
def test_an_abbreviation_means_what_this_machine_means_by_it(told: str, place: str, hours: int) -> None:
    found = reset_time(f"resets 3pm {told}", NOW.timestamp(), ZoneInfo(place))
    assert found is not None
    assert datetime.fromtimestamp(found, timezone(timedelta(hours=hours))).hour == 15


def test_a_minute_that_has_just_begun_is_not_tomorrows() -> None:
    assert read("resets 2:30pm", NOW + timedelta(seconds=40)) == NOW + timedelta(seconds=60), "to its end"
    assert read("resets 2:30pm", NOW + timedelta(seconds=80)) == NOW + timedelta(seconds=80)


def test_a_clock_names_the_day_where_it_is_another() -> None:
    now = NOW.timestamp()
    assert clock(now + 3600, now, UTC) == "15:30"
    assert clock(now + 12 * 3600, now, UTC) == "Nov 26 02:30"
