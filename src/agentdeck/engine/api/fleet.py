"""`deck.fleet`: the agents of this deck that are on other hosts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agentdeck.engine.api.current import Current
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.engine.world import Note, silent

if TYPE_CHECKING:
    from agentdeck.core.fleet.placement import Judgement
    from agentdeck.engine.fleet.following import Follower, Roll
    from agentdeck.engine.fleet.watching import HostWatch
    from agentdeck.system.fleet.tunnels import Forward
    from agentdeck.system.machine.ports import PortLease

_LOOK = 1.0
"""Seconds between two looks for hosts that have agents by now."""


class DeckFleet:
    def __init__(self, current: Current) -> None:
        self._current = current
        self._forwards: dict[str, Forward] = {}

    @contextmanager
    def placed(self, request: StartRequest, note: Note) -> Iterator[Judgement]:
        """The host that an agent is to start on, and why, in the block; without a name it is this machine. Raise
        RefusedError where none can have it."""
        from agentdeck.core.fleet.placement import Judgement, Needs

        if not request.on:
            yield Judgement("", True, "")
            return
        from agentdeck.engine.fleet.placing import placed

        with placed(request.on, request.needs or Needs(), note=note) as host:
            yield host

    def refresh(self, note: Note = silent) -> None:
        """Ask the hosts how their agents stand; see fleet.refreshing. Without any there, it costs nothing."""
        if (self._current.store.folder / "fleet").is_dir():
            from agentdeck.engine.fleet.refreshing import refresh

            refresh(self._current.world, note)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Let what is known here of agents elsewhere follow them, as long as the block lasts."""
        over = threading.Event()
        thread = threading.Thread(target=self.follow, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(_LOOK)

    def follow(self, over: threading.Event) -> None:
        """As `following`, until `over` is set."""
        followed: dict[str, Follower] = {}
        roll: Roll | None = None
        while not over.is_set():
            if roll is None and (self._current.store.folder / "fleet").is_dir():
                from agentdeck.engine.fleet.following import Follower, Roll

                roll = Roll(self._current.world)
            now = roll.hosts() if roll else set[str]()
            for host in now - followed.keys():
                followed[host] = Follower(self._current.world, host, roll=roll)
                followed[host].start()
            for host in followed.keys() - now:
                followed.pop(host).stop()
            over.wait(_LOOK)
        for follower in followed.values():
            follower.stop()

    def watch(self) -> HostWatch:
        """All hosts at a glance, for somebody who keeps looking, until it is closed."""
        from agentdeck.engine.fleet.watching import HostWatch

        return HostWatch(self._current.store)

    def hosts(self) -> list[str]:
        """The hosts that have agents of this deck, or may have them still."""
        if not (self._current.store.folder / "fleet").is_dir():
            return []
        from agentdeck.engine.records.hosts import left_hosts

        store = self._current.store
        return sorted({agent.host for agent in store.agents() if agent.host} | left_hosts(store))

    def fetch(self, view: AgentView) -> str:
        """Have the agent's work here as it is now; where its host does not give it, return why, in a sentence."""
        if not view.host:
            return ""
        from agentdeck.engine.fleet.looking import follow_work

        return follow_work(self._current.world, view.agent)

    def ports(self) -> list[PortLease]:
        """Those of this deck's agents on other hosts."""
        store = self._current.store
        if not (store.folder / "fleet").is_dir():
            return []
        from agentdeck.engine.fleet.mirror import Mirror
        from agentdeck.system.machine.ports import PortLease

        found = [(agent, Mirror.read(store, agent.name).ports) for agent in store.agents() if agent.host]
        return [
            PortLease(self._current.name, each.name, ports, each.created, host=each.host)
            for each, ports in found
            if ports
        ]

    def toggle_forward(self, view: AgentView) -> bool:
        """Open the agent's ports here while this process lives, or close them again; return whether they are open now.
        See fleet.acts.forward."""
        if (open_ := self._forwards.pop(view.name, None)) is not None and open_.is_open:
            open_.close()
            return False
        from agentdeck.engine.fleet.acts import forward

        self._forwards[view.name] = forward(self._current.world, view)
        return True

    def ports_of(self, view: AgentView) -> tuple[int, ...]:
        """Those that an agent on another host holds there."""
        from agentdeck.engine.fleet.mirror import Mirror

        return Mirror.read(self._current.store, view.name).ports

    def shell_argv(self, view: AgentView) -> list[str]:
        """What to run here for a shell in the worktree of an agent on another host. Raise RefusedError without one."""
        from agentdeck.engine.fleet.acts import shell_argv

        return shell_argv(self._current.world, view)

    def forward_argv(self, view: AgentView) -> list[str]:
        """What to run so that the agent's ports are this machine's too, until it is ended."""
        from agentdeck.engine.fleet.acts import forward_argv

        return forward_argv(self._current.world, view)

    def why(self, view: AgentView) -> str:
        """Why the agent is on its host, and what happens when that stays unreachable."""
        if not view.host:
            return f"{view.name} is on this machine."
        from agentdeck.engine.fleet.losing import why

        return why(self._current.world, view.agent)

    def lose(self, name: str, note: Note = silent) -> list[AgentView]:
        """Give a host up; see fleet.losing.lose."""
        from agentdeck.engine.fleet.losing import lose

        return lose(self._current.trusted(), name, note)

    def welcome(self, name: str, note: Note = silent) -> None:
        """Take in a host that was given up and is back; see fleet.losing.welcome."""
        from agentdeck.engine.fleet.losing import welcome

        welcome(self._current.world, name, note)

    def adopt(self, name: str, note: Note = silent) -> list[AgentView]:
        """Take over the agents of this deck that a host has and that are not known here; see fleet.losing.adopt."""
        from agentdeck.engine.fleet.losing import adopt

        return adopt(self._current.world, name, note)
