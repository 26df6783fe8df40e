"""The accounts of a person's agent CLIs, and what is used of their limits, as the faces show them."""

from __future__ import annotations

import time
from typing import Any

from agentdeck.core.accounts.meters import Meter, Window
from agentdeck.core.frozen import asdict, dataclass, field
from agentdeck.core.text.durations import clock


@dataclass(frozen=True, slots=True)
class AccountMeter:
    name: str
    """Of its profile: `claude@work`; `claude` is the login that the CLI has without AgentDeck."""
    meter: Meter = field(default_factory=Meter)

    @property
    def windows(self) -> tuple[Window, ...]:
        """As they are now."""
        return self.meter.now(time.time())

    @property
    def left(self) -> float:
        return self.meter.left(time.time())

    @property
    def until(self) -> float:
        """When it can be used again; 0 for now."""
        return self.meter.until(time.time())

    @property
    def used_text(self) -> str:
        """What is used of its limits, such as `5h 42% · week 7%`; empty where that is not known."""
        parts = [f"{each.name} {each.used:.0%}" for each in self.windows if each.used]
        if until := self.until:
            parts.append(f"limited until {clock(until, time.time())}")
        return " · ".join(parts)

    @property
    def resets_text(self) -> str:
        """When the windows that are used begin anew."""
        used = [each for each in self.windows if each.used and each.resets]
        return " · ".join(f"{each.name} {clock(each.resets, time.time())}" for each in used)

    @property
    def text(self) -> str:
        resets = f", resets {self.resets_text}" if self.resets_text else ""
        return f"{self.used_text}{resets}"

    def meter_json(self) -> dict[str, Any] | None:
        """None until the first answer."""
        if not self.meter.at:
            return None
        windows = [{"name": each.name, **asdict(each)} for each in self.windows]
        return {"at": self.meter.at, "left": self.left, "limited_until": self.until or None, "windows": windows}

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "meter": self.meter_json()}


@dataclass(frozen=True, slots=True)
class Account(AccountMeter):
    cli: str = ""
    """What a person calls the CLI."""
    account: str = ""
    way: str = "login"
    """By what it is told from others: `login`, `key` or `tier`."""
    place: str = ""
    """The folder, the variable with the key, or the tier."""
    login: bool | None = None
    """Whether it can be used; None where that is not known."""
    starts: bool = True
    agents: int = 0
    """How many agents of this repository are at work with it."""
