"""When a provider's limit ends, as the messages of agent CLIs tell it. Standard library only, for the runner.

Seen: “try again at 1:47 AM”, “try again at Nov 26th, 2026 1:47 AM”, “resets 3pm (Europe/Berlin)”, “resets Mon 9am”,
“limit reached|1764072000”, “try again in 1.5s”, “in 3 days 4 hours”, “retryDelay: 34s”, “until 14:05”, ISO 8601.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from agentdeck.core.text.durations import UNITS
from agentdeck.core.text.patterns import late
from agentdeck.core.text.zones import UnknownZoneError, zone_at

_LONGEST = 31 * 86400.0
"""No provider names a reset further away than a month; what seems to be one is something else."""
_JUST_NOW = 90.0
"""Seconds by which a time of day may have passed and still mean today: messages leave the seconds out."""
_CUE = late(
    r"\b(?:resets?(?:_in_seconds|_at)?|try(?:ing)? again|retry(?:ing)?(?:[- _]?(?:after|delay|in))?|available|"
    r"until|wait|limit reached\|)",
    re.IGNORECASE,
)
_FILLER = late(r"(?:[\s\"':=,·∙|(]|\b(?:will|be|is|again|after|at|on|in|until|about|another|for|the|your)\b)*", re.I)
_EPOCH = late(r"(1[5-9]\d{8}|2\d{9})(?:\.\d+)?(\d{3})?\b")
_UNIT = r"(milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|min|m|hours?|hrs?|hr|h|days?|d|weeks?|w)"
_PART = late(rf"(\d+(?:\.\d+)?)\s*{_UNIT}(?![a-z])(?:\s*,?\s*(?:and\s+)?)", re.IGNORECASE)
_BARE = late(r"(\d+(?:\.\d+)?)(?![\d:.]|\s*[a-z])", re.IGNORECASE)
_ISO = late(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "mon tue wed thu fri sat sun".split()
_DATE = late(rf"({'|'.join(_MONTHS)})[a-z]*\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(\d{{4}}))?[\s,]*(?:at\s+)?", re.I)
_DATE_FIRST = late(rf"(\d{{1,2}})\s+({'|'.join(_MONTHS)})[a-z]*\.?(?:,?\s+(\d{{4}}))?[\s,]*(?:at\s+)?", re.I)
_WEEKDAY = late(rf"({'|'.join(_DAYS)})[a-z]*[\s,]*(?:at\s+)?", re.I)
_TOMORROW = late(r"(today|tomorrow)[\s,]*(?:at\s+)?", re.I)
_CLOCK = late(r"(\d{1,2})(?::(\d\d)(?::(\d\d))?)?\s*([ap])\.?m\b\.?|(\d{1,2}):(\d\d)(?::(\d\d))?(?!\d)", re.I)


def reset_time(text: str, now: float, local: tzinfo | None = None) -> float | None:
    """When, in epoch seconds and not before `now`, what `text` complains of is over; None where it does not say.

    Of several times the last one counts, for the latest message is below the others. A time of day without a zone is
    one of `local` (default: this machine's), and the next that comes. One with a zone that can't be told is no time.
    """
    found, seen = None, 0
    for cue in _CUE.finditer(text):
        rest = text[cue.end() : cue.end() + 120]
        filler = _FILLER.match(rest)
        try:
            at = _moment(rest[filler.end() if filler else 0 :], now, local)
        except UnknownZoneError:
            found = None if "\n" in text[seen : cue.start()] else found  # what a line above says is older
            continue
        if at is not None and now - _JUST_NOW <= at <= now + _LONGEST:
            found, seen = max(at, now), cue.start()
    return found


def _moment(text: str, now: float, local: tzinfo | None) -> float | None:
    for read in (_epoch, _iso, _dated, _length):
        try:
            at = read(text, now, local)
        except UnknownZoneError:
            raise
        except (ValueError, OverflowError, OSError):
            continue
        if at is not None:
            return at
    return None


def _epoch(text: str, now: float, local: tzinfo | None) -> float | None:
    match = _EPOCH.match(text)
    return float(match[1]) if match else None


def _iso(text: str, now: float, local: tzinfo | None) -> float | None:
    match = _ISO.match(text)
    if match is None:
        return None
    return _stamp(datetime.fromisoformat(f"{match[1]}T{match[2]}"), zone_at(text[match.end() :], now, local))


def _dated(text: str, now: float, local: tzinfo | None) -> float | None:
    """A time of day, perhaps with a date, a weekday or “tomorrow” before it."""
    kinds = (_DATE, _DATE_FIRST, _WEEKDAY, _TOMORROW)
    kind, day = next(((each, match) for each in kinds if (match := each.match(text))), (None, None))
    rest = text[day.end() :] if day else text
    clock = _CLOCK.match(rest)
    if clock is None and kind not in (_DATE, _DATE_FIRST):
        return None
    zone = zone_at(rest[clock.end() :] if clock else rest, now, local)
    today = datetime.fromtimestamp(now, zone)
    hour, minute, second = _time_of_day(clock) if clock else (0, 0, 0)
    at = today.replace(hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None, fold=0)
    moments = (_stamp(each, zone) for each in _days(kind, day, at))
    found = next((each for each in moments if each >= now - _JUST_NOW), None)
    # A minute that has begun is meant to its end, where the seconds were left out.
    return found if found is None or found >= now or second else found + 60.0


def _days(kind: re.Pattern[str] | None, day: re.Match[str] | None, at: datetime) -> Iterator[datetime]:
    """`at` on each day that may be meant, the earliest first."""
    if day is None:
        yield from (at, at + timedelta(days=1))
    elif kind is _WEEKDAY:
        ahead = (_DAYS.index(day[1].lower()) - at.weekday()) % 7
        yield from (at + timedelta(days=ahead), at + timedelta(days=ahead + 7))
    elif kind is _TOMORROW:
        yield at + timedelta(days=int(day[1].lower() == "tomorrow"))
    else:
        month, number = (day[1], day[2]) if kind is _DATE else (day[2], day[1])
        years = [int(day[3])] if day[3] else [at.year, at.year + 1]
        yield from (at.replace(year=year, month=_MONTHS.index(month.lower()) + 1, day=int(number)) for year in years)


def _time_of_day(clock: re.Match[str]) -> tuple[int, int, int]:
    if clock[4]:
        hour = int(clock[1])
        if not 1 <= hour <= 12:
            raise ValueError(f"no hour of a clock with am and pm: {hour}")
        return hour % 12 + (12 if clock[4].lower() == "p" else 0), int(clock[2] or 0), int(clock[3] or 0)
    return int(clock[5]), int(clock[6]), int(clock[7] or 0)


def _stamp(at: datetime, zone: tzinfo | None) -> float:
    """Epoch seconds of a wall clock's time in `zone`; None is this machine's."""
    return at.replace(tzinfo=zone).timestamp() if zone is not None else at.timestamp()


def _length(text: str, now: float, local: tzinfo | None) -> float | None:
    seconds, at = 0.0, 0
    while part := _PART.match(text, at):
        seconds += float(part[1]) * _seconds_of(part[2].lower())
        at = part.end()
    if at:
        return now + seconds
    bare = _BARE.match(text)
    return now + float(bare[1]) if bare else None


def _seconds_of(unit: str) -> float:
    if unit.startswith(("ms", "milli")):
        return UNITS["ms"]
    return UNITS[unit[0]]


__all__ = ["UTC", "reset_time"]
