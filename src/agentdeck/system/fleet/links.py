"""The channels of this process: one a host, opened when somebody asks for it, and shared by all who do."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from typing import Any

from agentdeck.errors import DeckError, UnreachableError
from agentdeck.system.fleet.channel import Channel
from agentdeck.system.fleet.hostlist import HostSpec

_RETRY = 5.0
"""Seconds after a failure in which a host counts as unreachable without another try."""


class Links:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opening: dict[str, threading.Lock] = {}
        self._channels: dict[str, tuple[list[str], Channel]] = {}
        """With what each runs: whatever else changes of a host, such as that it is drained, ends no call under way."""
        self._failed: dict[str, tuple[float, UnreachableError]] = {}
        self._listeners: dict[str, list[Callable[[dict[str, Any]], None]]] = {}

    def get(self, spec: HostSpec, *, patient: bool = True) -> Channel:
        """The open channel to that host. Raise UnreachableError without one; where not `patient`, at once if the last
        try has just failed."""
        with self._lock:
            opening = self._opening.setdefault(spec.name, threading.Lock())
        with opening:
            known = self._channels.get(spec.name)
            argv = spec.reach.argv(spec.command("host", "serve"))
            if known is not None and known[0] == argv and known[1].is_open:
                return known[1]
            at, error = self._failed.get(spec.name, (0.0, None))
            if error is not None and not patient and time.monotonic() - at < _RETRY:
                raise error
            if known is not None:
                known[1].close()
            try:
                channel = Channel(argv, spec.name, lambda frame: self._pushed(spec.name, frame))
            except UnreachableError as error:
                self._failed[spec.name] = (time.monotonic(), error)
                raise
            self._failed.pop(spec.name, None)
            self._channels[spec.name] = (argv, channel)
            return channel

    def listen(self, host: str, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Let `listener` hear what the host pushes; return what ends that."""
        self._listeners.setdefault(host, []).append(listener)
        return lambda: self._listeners[host].remove(listener)

    def close(self) -> None:
        with self._lock:
            channels, self._channels = [each for _, each in self._channels.values()], {}
        for channel in channels:
            try:
                channel.close()
            except DeckError:
                continue

    def _pushed(self, host: str, frame: dict[str, Any]) -> None:
        for listener in list(self._listeners.get(host, ())):
            listener(frame)


LINKS = Links()
atexit.register(LINKS.close)
