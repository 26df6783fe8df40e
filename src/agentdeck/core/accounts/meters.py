"""How much of an account's limits is used, and when they begin anew, as providers and CLIs tell it. Standard library
only, for the runner.

Anthropic and OpenAI count in windows: five hours and a week. A window that has ended counts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentdeck.core.frozen import asdict, dataclass, replace

FIVE_HOURS, WEEK = 300, 10080
"""The usual windows, in minutes."""
_NAMES = {FIVE_HOURS: "5h", WEEK: "week"}
_CLAUDE = {"five_hour": FIVE_HOURS, "seven_day": WEEK, "5h": FIVE_HOURS, "7d": WEEK}
_UNIFIED = "anthropic-ratelimit-unified"


@dataclass(frozen=True, slots=True)
class Window:
    minutes: int
    used: float
    """From 0 to 1."""
    resets: float
    """Epoch seconds; 0 where that is not told."""

    @property
    def name(self) -> str:
        if self.minutes in _NAMES:
            return _NAMES[self.minutes]
        hours = self.minutes / 60
        return f"{hours / 24:.0f}d" if hours >= 48 else f"{hours:.0f}h"


@dataclass(frozen=True, slots=True)
class Meter:
    """What was told last of one account."""

    at: float = 0.0
    windows: tuple[Window, ...] = ()
    limited: float = 0.0
    """When a limit ends that was met; 0 for none."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Meter:
        windows = tuple(
            Window(int(each["minutes"]), float(each["used"]), float(each["resets"])) for each in data["windows"]
        )
        return cls(float(data["at"]), windows, float(data["limited"]))

    def told(self, windows: Sequence[Window], at: float) -> Meter:
        """With what is told of some windows; what is told of none of them stays."""
        known = {each.minutes: each for each in self.windows} | {each.minutes: each for each in windows}
        limited = self.limited if any(each.used >= 1.0 for each in windows) else 0.0
        return Meter(at, tuple(known[minutes] for minutes in sorted(known)), limited)

    def met(self, limit: float, at: float) -> Meter:
        """At a limit that ends at `limit`."""
        return replace(self, at=at, limited=limit)

    def now(self, now: float) -> tuple[Window, ...]:
        """The windows as they are: one that has ended is not used."""
        return tuple(replace(each, used=0.0) if 0 < each.resets <= now else each for each in self.windows)

    def left(self, now: float) -> float:
        """How much is left before a limit, from 0 to 1."""
        if self.until(now):
            return 0.0
        return 1.0 - max((each.used for each in self.now(now)), default=0.0)

    def until(self, now: float) -> float:
        """When it can be used again; 0 for now."""
        full = [each.resets for each in self.now(now) if each.used >= 1.0]
        return max([at for at in (*full, self.limited) if at > now], default=0.0)


def of_headers(headers: Mapping[str, str]) -> tuple[Window, ...]:
    """From the answer of a provider; names in lower case."""
    found = []
    for name in ("5h", "7d"):
        used = _number(headers.get(f"{_UNIFIED}-{name}-utilization"))
        if headers.get(f"{_UNIFIED}-{name}-status") == "rejected":
            used = 1.0
        found.append(_window(_CLAUDE[name], used, _number(headers.get(f"{_UNIFIED}-{name}-reset"))))
    for name in ("primary", "secondary"):
        told = [
            _number(headers.get(f"x-codex-{name}-{each}")) for each in ("window-minutes", "used-percent", "reset-at")
        ]
        found.append(_percent(*told))
    return _known(found)


def of_claude(limits: object) -> tuple[Window, ...]:
    """From `rate_limits` of Claude Code's status line, in percent."""
    tables = limits if isinstance(limits, Mapping) else {}
    return _known(
        _percent(_CLAUDE[name], _number(table.get("used_percentage")), _number(table.get("resets_at")))
        for name, table in tables.items()
        if name in _CLAUDE and isinstance(table, Mapping)
    )


def of_claude_event(info: object) -> tuple[Window, ...]:
    """From `rate_limit_info` of what Claude Code prints, in shares of 1; older versions tell of one window alone."""
    told = info if isinstance(info, Mapping) else {}
    tables = told.get("unifiedWindows")
    if not isinstance(tables, Mapping):
        used = 1.0 if told.get("status") == "rejected" else _number(told.get("utilization"))
        minutes = _CLAUDE.get(str(told.get("rateLimitType")))
        return _known([_window(minutes, used, _number(told.get("resetsAt")))])
    return _known(
        _window(_CLAUDE[name], _number(table.get("utilization")), _number(table.get("resetsAt")))
        for name, table in tables.items()
        if name in _CLAUDE and isinstance(table, Mapping)
    )


def of_codex(limits: object) -> tuple[Window, ...]:
    """From `rate_limits` of Codex' transcript, in percent."""
    tables = limits if isinstance(limits, Mapping) else {}
    return _known(
        _percent(
            _number(table.get("window_minutes")), _number(table.get("used_percent")), _number(table.get("resets_at"))
        )
        for table in (tables.get("primary"), tables.get("secondary"))
        if isinstance(table, Mapping)
    )


def _percent(minutes: float | None, used: float | None, resets: float | None) -> Window | None:
    return _window(minutes, None if used is None else used / 100, resets)


def _window(minutes: float | None, used: float | None, resets: float | None) -> Window | None:
    if not minutes or minutes < 0 or used is None:
        return None
    return Window(int(minutes), min(max(used, 0.0), 1.0), max(resets or 0.0, 0.0))


def _known(found: Iterable[Window | None]) -> tuple[Window, ...]:
    return tuple(each for each in found if each is not None)


def _number(value: object) -> float | None:
    """A finite number, as JSON or a header has it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
