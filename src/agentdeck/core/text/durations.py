"""Lengths of time as people type and read them, and times of day."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agentdeck.core.text.patterns import late

if TYPE_CHECKING:
    from datetime import tzinfo

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
"""Seconds of each."""
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_PART = late(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])\s*")


def parse_duration(text: str) -> float:
    """Seconds from `90`, `90s`, `15m`, `2h`, `1h30m`, `1.5d`; raise ValueError for anything else."""
    plain = text.strip().lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", plain):
        return float(plain)
    seconds, at = 0.0, 0
    while at < len(plain) and (part := _PART.match(plain, at)):
        seconds += float(part[1]) * UNITS[part[2]]
        at = part.end()
    if not plain or at < len(plain):
        raise ValueError(f"“{text}” is not a length of time; use 90, 90s, 15m, 2h or 1h30m")
    return seconds


def short_duration(seconds: float) -> str:
    """`42s`, `7m`, `3h`, `12d`: the largest unit that is not zero, cut off rather than rounded."""
    for unit in ("d", "h", "m"):
        if seconds >= UNITS[unit]:
            return f"{int(seconds // UNITS[unit])}{unit}"
    return f"{max(0, int(seconds))}s"


def clock(at: float, now: float, local: tzinfo | None = None) -> str:
    """`at` for a person: `14:05`, or `Nov 26 14:05` where that is another day than `now`'s."""
    from datetime import datetime

    moment, today = datetime.fromtimestamp(at, local), datetime.fromtimestamp(now, local)
    if moment.date() == today.date():
        return f"{moment:%H:%M}"
    return f"{_MONTHS[moment.month - 1]} {moment.day} {moment:%H:%M}"
