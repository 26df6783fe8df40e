"""Ask the hosts how the agents there stand: all of them at once, each for itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress

from agentdeck.core.agents.agent import Agent, Phase
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.fleet import handing, looking, losing
from agentdeck.engine.fleet.hosts import Remote
from agentdeck.engine.fleet.starting import ask_again
from agentdeck.engine.records.hosts import HostMark, left_hosts
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import BusyError, DeckError, UnreachableError
from agentdeck.system.fleet.hostlist import HostList

_JUST_NOW = 1.5
"""Seconds in which another process's look is as good as ours."""


def refresh(world: World, note: Note = silent) -> None:
    """Ask every host that has agents of this deck how these stand, all at once; one that does not answer is marked, and
    keeps nobody from the others."""
    hosts = {agent.host for agent in looking.elsewhere(world)} | left_hosts(world.store)
    known = {spec.name for spec in HostList().all() if not spec.lost} if hosts else set()
    _for_each(hosts & known, lambda host: _look(world, host, note))


def fetch(world: World, names: Collection[str], note: Note = silent) -> None:
    """Have the work of these agents, or of all, here as far as it is not: that of all hosts at once. Of what can't be
    fetched, `note` is told of when it is."""

    def fetch_from(host: str) -> None:
        for agent in looking.elsewhere(world, host):
            asked = not names or any(agent.name.startswith(name) for name in names)
            if asked and looking.is_behind(world, agent, 0.0) and (told := looking.follow_work(world, agent)):
                note(Event(EventKind.WARNING, agent.name, told))

    _for_each({agent.host for agent in looking.elsewhere(world)}, fetch_from)


def _for_each(hosts: Iterable[str], ask: Callable[[str], None]) -> None:
    """At once, so that none waits for another."""
    threads = [threading.Thread(target=ask, args=(host,), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _look(world: World, host: str, note: Note) -> None:
    seen = HostMark.read(world.store, host)
    if not seen.unreachable and time.time() - seen.seen < _JUST_NOW and not _is_starting(world, host):
        return
    try:
        look(world, host, note, patient=False)
    except UnreachableError:
        with suppress(DeckError):
            losing.keep_promises(world, host, note)
    except DeckError:
        pass  # another look finds out


def _is_starting(world: World, host: str) -> bool:
    return any(agent.phase is Phase.ACQUIRING for agent in looking.elsewhere(world, host))


def look(
    world: World, host: str, note: Note = silent, *, patient: bool = True, agents: Sequence[Agent] | None = None
) -> None:
    """Ask the host how its agents of this deck stand, or those of `agents`, as they were recorded a moment ago. Raise
    UnreachableError where it does not answer."""
    losing.end_left(world, host, note)
    known = looking.elsewhere(world, host) if agents is None else agents
    begun = [agent for agent in known if agent.phase is Phase.ACQUIRING]
    for agent in begun:
        if not world.store.in_operation(agent.name):
            with suppress(BusyError):
                ask_again(world, agent, note)
    known = looking.elsewhere(world, host) if begun else known
    held = [agent for agent in known if agent.phase is Phase.HELD]
    remote = Remote.of(world, host, patient=patient)
    looking.sync(world, remote, held, note)
    handing.hand_down(world, remote, (each for each in held if world.store.status(each.name).state.is_live))
