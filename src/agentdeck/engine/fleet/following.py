"""Follow the agents of a host for as long as somebody looks: it tells when something has changed, and is asked what."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from agentdeck.core.agents.agent import Phase
from agentdeck.engine.fleet import looking
from agentdeck.engine.fleet.hosts import Remote
from agentdeck.engine.fleet.mirror import Mirror
from agentdeck.engine.fleet.refreshing import look
from agentdeck.engine.world import World
from agentdeck.errors import DeckError
from agentdeck.system.fleet.links import LINKS

_PING = 5.0
"""Seconds without news after which the host is asked anyway."""
_RETRY = 5.0
"""Seconds between two tries to reach it."""
_PULL = 60.0
"""Seconds at least between two fetches of what an agent at work made."""


class Follower:
    """A thread for one host; a context. It owns nothing that others need: where it dies, the next look does."""

    def __init__(self, world: World, host: str) -> None:
        self._world, self._host = world, host
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

    def stop(self) -> None:
        self._ends.set()
        self._news.set()
        self._unlisten()
        self._thread.join(1)

    def _pushed(self, frame: dict[str, Any]) -> None:
        if frame.get("push") == "changed" and frame.get("deck") == self._world.deck:
            self._news.set()

    def _follow(self) -> None:
        watched: object = None
        while not self._ends.is_set():
            self._news.clear()
            try:
                remote = Remote.of(self._world, self._host)
                channel = LINKS.get(remote.spec)
                if channel is not watched:
                    remote.watch()
                    watched = channel
                look(self._world, self._host)
                self._pull()
            except (DeckError, OSError, ValueError):  # it, or the store, is gone for now
                watched = None
                self._ends.wait(_RETRY)
                continue
            self._news.wait(_PING)

    def _pull(self) -> None:
        for agent in looking.elsewhere(self._world, self._host):
            if agent.phase is not Phase.HELD:
                continue
            mirror, status = Mirror.read(self._world.store, agent.name), self._world.store.status(agent.name)
            due = (
                time.time() - mirror.pulled > _PULL
                if status.state.is_live
                else mirror.pulled < (status.ended or status.since)
            )
            if due and not self._ends.is_set():
                with suppress(DeckError):
                    looking.pull(self._world, agent)
