"""The time zone that a message names after a time of day. Standard library only, for the runner.

What could be one of several zones, or is none that is known, is told apart from no zone at all: a wrong time is worse
than none.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo

from agentdeck.core.text.patterns import late

_MINUS = str.maketrans("−–", "--")
_OFFSET = r"[+\-−–]\d{1,2}(?::?\d\d)?(?!\d)"
_ZONE = late(
    rf"(?:[ \t]*|\s*\(\s*)(?:"  # a word on the next line is another sentence's
    rf"(?P<utc>(?:UTC|GMT)\s?{_OFFSET})|"
    rf"(?P<offset>[+\-−–]\d\d(?::?\d\d)?(?!\d))|"
    rf"(?P<place>[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+\-]+)+)|"
    rf"(?P<spelt>(?:[A-Z][a-z]+ ){{1,3}}Time\b)|"
    rf"(?P<short>[A-Z]{{2,5}}\b|Z\b|(?i:utc|gmt)\b)"
    rf")"
)
_HOURS = {
    "UTC": 0, "GMT": 0, "UCT": 0, "Z": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3,
    "MSK": 3, "WAT": 1, "CAT": 2, "SAST": 2, "EAT": 3, "GST": 4, "PKT": 5, "IST": 5.5, "NPT": 5.75, "ICT": 7, "WIB": 7,
    "WITA": 8, "WIT": 9, "SGT": 8, "MYT": 8, "HKT": 8, "PHT": 8, "AWST": 8, "JST": 9, "KST": 9, "ACST": 9.5,
    "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "NST": -3.5, "NDT": -2.5, "ADT": -3, "BRT": -3,
    "ART": -3, "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8,
    "HST": -10,
}  # fmt: skip
"""Abbreviations with one meaning that is by far the most common. CST (America, China) and AST are not among them."""
_PLACES = {
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "MT": "America/Denver",
    "PT": "America/Los_Angeles",
    "Eastern Time": "America/New_York",
    "Central Time": "America/Chicago",
    "Mountain Time": "America/Denver",
    "Pacific Time": "America/Los_Angeles",
}


class UnknownZoneError(ValueError):
    """A zone is named, and it can't be told which."""


def zone_at(text: str, now: float, local: tzinfo | None) -> tzinfo | None:
    """The zone that `text` begins with, `local` where it begins with none; None is this machine's. Raise
    UnknownZoneError for one that is not known, or may be one of several."""
    match = _ZONE.match(text)
    if match is None:
        return local
    if told := (match["utc"] or match["offset"] or "").translate(_MINUS):
        return _fixed(told.lstrip("UTCGM "))
    if match["place"]:
        return _of_place(match["place"])
    if match["short"]:
        return _of_short(match["short"].upper(), now, local)
    return local if match["spelt"] in ("Local Time", "Your Time") else _of_place(_PLACES.get(match["spelt"], ""))


def _of_short(short: str, now: float, local: tzinfo | None) -> tzinfo | None:
    if short in _PLACES:
        return _of_place(_PLACES[short])
    if (own := _own(short, now, local)) is not None:
        return own
    if short in _HOURS:
        return timezone(timedelta(hours=_HOURS[short]))
    if len(short) < 3:
        return local  # no zone, but a word in capitals
    raise UnknownZoneError(short)


def _fixed(offset: str) -> tzinfo:
    hours, minutes = re.fullmatch(r"[+-](\d{1,2}):?(\d\d)?", offset).groups(default="0")  # type: ignore[union-attr]
    if int(hours) > 14 or int(minutes) > 59:
        raise UnknownZoneError(offset)
    size = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-size if offset[0] == "-" else size)


def _of_place(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZoneError(name) from error


def _own(short: str, now: float, local: tzinfo | None) -> tzinfo | None:
    """The offset that `local` calls so at some time of the year: a program mostly names the zone it runs in."""
    for days in range(0, 365, 30):
        at = datetime.fromtimestamp(now + days * 86400, local).astimezone(local)
        offset = at.utcoffset()
        if at.tzname() == short and offset is not None:
            return timezone(offset)
    return None
