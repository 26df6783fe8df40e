"""Regular expressions of a module, compiled when one is first used: a verb loads dozens and uses a few."""

from __future__ import annotations

import re
from typing import Any, cast


class _Late:
    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self._pattern, self._flags = pattern, flags

    def __getattr__(self, name: str) -> Any:
        value = getattr(re.compile(self._pattern, self._flags), name)
        setattr(self, name, value)
        return value


def late(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """As `re.compile`, for the methods of what that returns."""
    return cast("re.Pattern[str]", _Late(pattern, flags))


def late_bytes(pattern: bytes, flags: int = 0) -> re.Pattern[bytes]:
    """As `late`, for bytes."""
    return cast("re.Pattern[bytes]", _Late(pattern, flags))
