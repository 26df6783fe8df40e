"""What a deck keeps of a host that it has agents on: when it was last seen, and since when it is not."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from agentdeck.core.frozen import asdict, dataclass, replace
from agentdeck.errors import DeckError
from agentdeck.system.files.files import Kept, private_folder, read_json, write_json
from agentdeck.system.state.store import Store

_FRESH = 5.0
"""Seconds after which it is written down again that a host was seen."""


@dataclass(frozen=True, slots=True)
class HostMark:
    """Times are seconds since the epoch."""

    seen: float = 0.0
    unreachable: float = 0.0
    """Since when it does not answer; 0 while it does."""
    why: str = ""
    suspended: float = 0.0
    """Seconds that this machine had been suspended for when that began, since its start."""

    @property
    def unreachable_for(self) -> float:
        """Seconds that it has not answered while this machine was awake."""
        return time.time() - self.unreachable - max(0.0, _suspended() - self.suspended) if self.unreachable else 0.0

    @classmethod
    def read(cls, store: Store, host: str) -> HostMark:
        with suppress(OSError, ValueError, TypeError):
            return _MARKS.read(_path(store, host), lambda path: cls(**read_json(path)))
        return cls()


_MARKS = Kept[HostMark]()
"""Each agent of a host asks."""


def mark_host(store: Store, host: str, error: DeckError | None) -> None:
    """Write down that the host answered, or that it did not."""
    old, now = HostMark.read(store, host), time.time()
    if error is None:
        if not old.unreachable and now - old.seen < _FRESH:
            return
        new = HostMark(seen=now)
    else:
        if old.unreachable:
            return
        new = replace(old, unreachable=now, why=error.title, suspended=_suspended())
    write_json(private_folder(_path(store, host).parent) / f"{host}.json", asdict(new), durable=False)


def _suspended() -> float:
    """Seconds that this machine has been suspended since its start; 0 where the system does not tell."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(boottime) - time.monotonic() if boottime is not None else 0.0


def left_file(store: Store, host: str) -> Path:
    """There while the host may still run what was started again elsewhere."""
    return store.folder / "fleet" / f"{host}.left.json"


def left_hosts(store: Store) -> set[str]:
    """The hosts that may still run what was started again elsewhere."""
    return {path.name.removesuffix(".left.json") for path in (store.folder / "fleet").glob("*.left.json")}


def _path(store: Store, host: str) -> Path:
    return store.folder / "fleet" / f"{host}.json"
