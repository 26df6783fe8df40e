"""Lengths of time as people type and read them."""

from __future__ import annotations

import re

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
"""Seconds of each."""
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])\s*")


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
