"""Hosts whose time ends: their agents are stopped, saved and started again elsewhere before it does; of a host that
its provider says is gone, from the last copy of their work.

    agents/NAME/moving    its move has begun: that its old start has ended is not its end
"""

from __future__ import annotations

import time
from contextlib import suppress

from agentdeck.core.agents.agent import Agent, Phase
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.text.durations import short_duration
from agentdeck.engine.fleet import looking, losing, providing
from agentdeck.engine.fleet.hosts import Remote
from agentdeck.engine.fleet.mirror import moving
from agentdeck.engine.fleet.placing import placed
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import BusyError, DeckError, NotFoundError, UnreachableError
from agentdeck.system.files.files import locked, private_folder
from agentdeck.system.fleet import providers
from agentdeck.system.fleet.hostlist import HostList, HostSpec

_STOP = 60.0


def tend(world: World, host: str, note: Note = silent) -> None:
    """Do what the end of this host's time asks for, if another process is not at it. A host that a person added has no
    end."""
    with suppress(NotFoundError, BusyError, UnreachableError):
        if not (spec := HostList().get(host)).provider:
            return
        lock = private_folder(world.store.folder / "fleet") / f"{host}.tend"
        with locked(lock):
            providing.follow(spec.provider)
            _tend(world, HostList().get(host), note)


def _tend(world: World, spec: HostSpec, note: Note) -> None:
    agents = [agent for agent in looking.elsewhere(world, spec.name) if _runs(world, agent)]
    if not agents:
        return
    if spec.lost:
        losing.lose(world, spec.name, note)
    elif spec.ends and spec.ends - time.time() < providers.provider(spec.provider).limits.drain:
        for agent in agents:
            _move(world, agent, spec, note)


def _runs(world: World, agent: Agent) -> bool:
    is_live = world.store.status(agent.name).state.is_live or agent.phase is Phase.ACQUIRING
    return is_live or moving(world.store, agent.name).exists()


def _move(world: World, agent: Agent, spec: HostSpec, note: Note) -> None:
    """Start the agent's next epoch elsewhere, from all that it has made. Without a host for it, it stays."""
    mark = moving(world.store, agent.name)
    mark.touch()
    try:
        with (
            placed("any", losing.needs_of(world, agent), but=[spec.name], note=note) as place,
            world.store.operation(agent.name, wait=5),
        ):
            Remote.of(world, spec.name).call("stop", agent=agent.name, timeout=_STOP)
            looking.pull(world, agent, note)
            left = short_duration(max(0.0, spec.ends - time.time()))
            losing.start_again(world, agent, place.host, f"the time of {spec.name} ends in {left}", note)
    except UnreachableError:
        return  # it may have been stopped: the next look goes on
    except DeckError as error:
        text = f"it can't be moved from {spec.name}, whose time ends: {error.title}"
        world.note(Event(EventKind.WARNING, agent.name, text), note)
    mark.unlink(missing_ok=True)
