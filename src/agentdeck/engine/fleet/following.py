"""Follow the agents of a host for as long as somebody looks: it tells when something has changed, and is asked what."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from typing import Any

from agentdeck.core.agents.agent import Agent
from agentdeck.engine.fleet import looking, losing
from agentdeck.engine.fleet.hosts import Remote
from agentdeck.engine.fleet.mirror import Mirror
from agentdeck.engine.fleet.refreshing import look
from agentdeck.engine.records.hosts import left_hosts
from agentdeck.engine.world import World, silent
from agentdeck.errors import DeckError
from agentdeck.system.fleet.links import LINKS

_PING = 5.0
"""Seconds without news after which the host is asked anyway."""
_RETRY = 5.0
"""Seconds between two tries to reach it."""
_TEND = 15.0
"""Seconds between two looks whether the host's time ends."""
_PULL = 60.0
"""Seconds at least between two fetches of what an agent at work made."""
_PIECES = 256
"""Pieces of a log that may wait to be written down."""


_EXAMINE = 15.0
"""Seconds after which an agent that stands as before is examined again for work to fetch, such as what could not be."""
_ROLL, _ROLL_SHARE = 0.5, 20
"""Seconds for which the list of all agents holds, at least, and as a multiple of what it takes to read it."""


class Roll:
    """Which agents are on which host, read once for all who follow hosts: each of them would look at every agent."""

    def __init__(self, world: World) -> None:
        self._world, self._lock = world, threading.Lock()
        self._due = 0.0
        self._by_host: dict[str, list[Agent]] = {}

    def on(self, host: str) -> list[Agent]:
        """The agents of that host, as they were recorded a moment ago."""
        with self._lock:
            if (begun := time.monotonic()) >= self._due:
                found: dict[str, list[Agent]] = {}
                for agent in looking.elsewhere(self._world):
                    found.setdefault(agent.host, []).append(agent)
                self._by_host, now = found, time.monotonic()
                self._due = now + max(_ROLL, (now - begun) * _ROLL_SHARE)
            return self._by_host.get(host, [])

    def hosts(self) -> set[str]:
        """Those that have agents of this deck, or may have them still."""
        self.on("")
        return self._by_host.keys() | left_hosts(self._world.store)


class Follower:
    """A thread for one host; a context. It owns nothing that others need: where it dies, the next look does."""

    def __init__(self, world: World, host: str, tail: str = "", roll: Roll | None = None) -> None:
        """`tail` is an agent whose log is to be here as soon as it is written."""
        self._world, self._host, self._tail = world, host, tail
        self._roll = roll or Roll(world)
        self._examined: dict[str, tuple[object, float]] = {}
        """How each agent stood when it was last seen to whether its work is here, and when, on the monotonic clock."""
        self._tailed: object = None
        self._pieces: queue.Queue[dict[str, Any] | None] = queue.Queue(_PIECES)
        self._news, self._ends = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name=f"follows {host}")

    def __enter__(self) -> Follower:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._unlisten = LINKS.listen(self._host, self._pushed)
        self._thread.start()
        if self._tail:
            threading.Thread(target=self._write_log, daemon=True, name=f"logs of {self._host}").start()

    def stop(self) -> None:
        self._ends.set()
        self._news.set()
        with suppress(queue.Full):
            self._pieces.put_nowait(None)
        self._unlisten()
        self._thread.join(1)

    def _pushed(self, frame: dict[str, Any]) -> None:
        if frame.get("deck") != self._world.deck:
            return
        if frame.get("push") == "changed":
            self._news.set()
        elif frame.get("push") == "log" and frame.get("agent") == self._tail:
            with suppress(queue.Full):  # the next look brings it
                self._pieces.put_nowait(frame)

    def _write_log(self) -> None:
        """Not by the thread that reads the channel, for who holds the lock of the host waits for that one."""
        while (frame := self._pieces.get()) is not None and not self._ends.is_set():
            with suppress(DeckError, OSError, KeyError, TypeError, ValueError):
                looking.add_log(self._world, self._host, frame)

    def _ask_for_log(self, remote: Remote, channel: object) -> None:
        """Have the host push the log, once for each run of the agent and each connection."""
        path, size = Mirror.read(self._world.store, self._tail).places.get("log", ("", 0))
        if path and self._tailed != (channel, path):
            remote.call("tail", agent=self._tail, path=path, offset=size)
            self._tailed = (channel, path)

    def _follow(self) -> None:
        watched: object = None
        tended = 0.0
        while not self._ends.is_set():
            self._news.clear()
            if time.monotonic() - tended > _TEND:
                tended = time.monotonic()
                self._tend()
            try:
                remote = Remote.of(self._world, self._host)
                channel = LINKS.get(remote.spec)
                if channel is not watched:
                    remote.watch()
                    watched = channel
                look(self._world, self._host, agents=self._roll.on(self._host))
                if self._tail:
                    self._ask_for_log(remote, channel)
                self._pull()
            except (DeckError, OSError, ValueError):  # it, or the store, is gone for now
                watched = None
                with suppress(DeckError, OSError, ValueError):
                    losing.keep_promises(self._world, self._host, silent)
                self._ends.wait(_RETRY)
                continue
            self._news.wait(_PING)

    def _tend(self) -> None:
        from agentdeck.engine.fleet.draining import tend

        with suppress(DeckError, OSError, ValueError):
            tend(self._world, self._host)

    def _pull(self) -> None:
        for agent in self._roll.on(self._host):
            status, now = self._world.store.status(agent.name), time.monotonic()
            stands = (agent.epoch, status.state.is_live, status.ended or status.since)
            before, at = self._examined.get(agent.name, (None, 0.0))
            if self._ends.is_set() or (before == stands and now - at < _EXAMINE):
                continue
            self._examined[agent.name] = stands, now
            if looking.is_behind(self._world, agent, _PULL):
                with suppress(DeckError):
                    looking.pull(self._world, agent)
