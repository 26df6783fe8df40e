"""Wait for something to become true, instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(check: Callable[[], Found], timeout: float = 10.0, pause: float = 0.02) -> Found:
    """Call `check` until it returns something true, and return that; fail with its last answer after `timeout` s."""
    deadline = time.monotonic() + timeout
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"still {found!r} after {timeout:g} s: {check}")
        time.sleep(pause)
