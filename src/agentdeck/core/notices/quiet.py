"""When notices may be sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_HOUR = 3600.0


def check_span(text: str) -> str:
    """Return `text`; raise ValueError where it is no span of the day."""
    if text and _SPAN.fullmatch(text) is None:
        raise ValueError(f"“{text}” is not a span of hours such as “22:00-07:00”")
    return text


def is_quiet(span: str, now: datetime) -> bool:
    """Whether the local time `now` is in the span, which may go over midnight."""
    found = _SPAN.fullmatch(span)
    if found is None:
        return False
    begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    minute = now.hour * 60 + now.minute
    return begin <= minute < end if begin <= end else minute >= begin or minute < end


def recent(sent: Sequence[float], now: float) -> list[float]:
    """Those of the times that count against the limit of an hour."""
    return [at for at in sent if now - _HOUR < at <= now]
