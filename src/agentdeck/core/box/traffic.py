"""What left a box by its proxy, and what the proxy refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.text.text import size_text


@dataclass(frozen=True, slots=True)
class Connection:
    """One line of the proxy's."""

    at: float
    host: str
    port: int
    verdict: str
    """`allowed`, `refused`, `failed`, `closed` for the end of one that was allowed, or `error`."""
    reason: str = ""
    sent: int = 0
    received: int = 0

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def text(self) -> str:
        if self.verdict == "closed":
            return f"closed {self.place}, {size_text(self.sent)} sent, {size_text(self.received)} received"
        return f"{self.verdict} {self.place}" + (f": {self.reason}" if self.reason else "")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Connection:
        more = {name: data[name] for name in ("reason", "sent", "received") if name in data}
        return cls(data["t"], data["host"], data["port"], data["verdict"], **more)


@dataclass(frozen=True, slots=True)
class HostTraffic:
    """All connections of one agent to one place that ended the same way."""

    place: str
    verdict: str
    count: int
    sent: int = 0
    received: int = 0

    @property
    def text(self) -> str:
        times = f", {self.count} times" if self.count > 1 else ""
        if self.verdict != "allowed":
            return f"{self.place} {self.verdict}{times}"
        return f"{self.place}{times}, {size_text(self.sent)} sent, {size_text(self.received)} received"


def by_host(connections: Iterable[Connection]) -> list[HostTraffic]:
    """In the order in which each was first asked for."""
    found: dict[tuple[str, str], HostTraffic] = {}
    for each in connections:
        verdict = "allowed" if each.verdict == "closed" else each.verdict
        old = found.get((each.place, verdict), HostTraffic(each.place, verdict, 0))
        found[each.place, verdict] = replace(
            old,
            count=old.count + (each.verdict != "closed"),
            sent=old.sent + each.sent,
            received=old.received + each.received,
        )
    return list(found.values())
