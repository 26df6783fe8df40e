"""Hosts that go and come: one is given up, one is back, one has agents that home has forgotten."""

from __future__ import annotations

import time
from contextlib import suppress

from agentdeck.core.agents.agent import Agent, Fault, Phase, State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.fleet.facts import Facts
from agentdeck.core.fleet.orders import StartOrder, check_if_lost
from agentdeck.core.fleet.placement import Needs
from agentdeck.core.frozen import replace
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import listed
from agentdeck.engine import roster
from agentdeck.engine.fleet import looking, providing, starting
from agentdeck.engine.fleet.hosts import Remote, facts_of
from agentdeck.engine.fleet.mirror import Mirror
from agentdeck.engine.fleet.placing import placed
from agentdeck.engine.records.hosts import HostMark, left_file, mark_host
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.starts import request_from_json
from agentdeck.engine.world import Note, World
from agentdeck.errors import BusyError, DeckError, RefusedError
from agentdeck.system.files.files import read_json, write_json
from agentdeck.system.fleet.hostlist import HostList
from agentdeck.system.state.store import MIRROR, Store

_TAKEN_OVER = (
    "Another machine began this task and was lost. Its work, up to its last copy, is in this worktree: read it, keep "
    "what is good, and finish the task.\n\n"
)


def archive_ref(agent: Agent) -> str:
    """Where the last known work of that start of the agent stays."""
    return f"refs/agentdeck/fleet/{agent.name}/{agent.epoch}"


def lose(world: World, name: str, note: Note) -> list[AgentView]:
    """Give the host up: what ran there starts again on another host, from the last copy of its work. What had ended
    stays as it is. Return the agents that were started again."""
    spec = HostList().get(name)
    HostList().put(replace(spec, lost=spec.lost or time.time()))
    again = []
    for agent in looking.elsewhere(world, name):
        if world.store.status(agent.name).state.is_live or agent.phase is Phase.ACQUIRING:
            with world.store.operation(agent.name, wait=5):
                if _restart(world, agent, note):
                    again.append(roster.agent(world, agent.name))
        else:
            replace(Mirror.read(world.store, agent.name), alive=False).write(world.store, agent.name)
    return again


def _restart(world: World, agent: Agent, note: Note, why: str = "", *, waits: bool = False) -> bool:
    """Start the agent's next epoch elsewhere; return False where no host can have it, and mark it as lost unless it
    `waits`: then its own host is only unreachable."""
    if not why:
        spec = HostList().find(agent.host)
        why = f"{agent.host} has ended" if spec is not None and spec.provider else f"{agent.host} was given up"
    try:
        with placed("any", needs_of(world, agent), but=[agent.host], note=note) as place:
            return start_again(world, agent, place.host, why, note)
    except DeckError as error:
        if not waits:
            _keep_copy(world, agent)
            _mark_lost(world, agent, f"{why}, and no other host can have it: {error.title}")
        return False


def start_again(world: World, agent: Agent, host: str, why: str, note: Note) -> bool:
    """Start the agent's next epoch on `host`, from the last copy of its work; return False, and mark it as lost, where
    that fails."""
    mirror = _keep_copy(world, agent)
    order = starting.order_of(world, agent)
    request = dict(order.request)
    if request.get("task") and mirror.live and not request["task"].startswith(_TAKEN_OVER):
        request["task"] = _TAKEN_OVER + request["task"]
    lease = agent.worktree
    order = replace(order, epoch=agent.epoch + 1, branch_commit=mirror.live or order.branch_commit, request=request)
    if mirror.live and lease is not None:
        now = world.repo.commit(f"refs/heads/{lease.branch}")
        world.repo.git("update-ref", f"refs/heads/{lease.branch}", mirror.live, *([now] if now else []))
    agent = replace(agent, host=host, epoch=order.epoch, phase=Phase.ACQUIRING)
    starting.write_order(world, agent, order)
    (world.store.agent_folder(agent.name) / MIRROR).unlink(missing_ok=True)
    Mirror(tip=mirror.live, live=mirror.live, pulled=mirror.pulled).write(world.store, agent.name)
    world.store.save(agent)
    age = f"from its work of {short_duration(time.time() - mirror.pulled)} ago" if mirror.pulled else "from its base"
    text = f"{why}; start {order.epoch} on {host}, {age}"
    world.note(Event(EventKind.HOST_CHOSEN, agent.name, text, {"host": host}), note)
    try:
        starting.give(world, agent, order, note)
    except DeckError as error:
        _mark_lost(world, agent, f"its start on {host} failed: {error.title}")
        return False
    return True


def _keep_copy(world: World, agent: Agent) -> Mirror:
    mirror = Mirror.read(world.store, agent.name)
    if mirror.live:
        world.repo.git("update-ref", archive_ref(agent), mirror.live)
    return mirror


def needs_of(world: World, agent: Agent) -> Needs:
    """What its task asked of a host."""
    order = starting.order_of(world, agent)
    return request_from_json(order.request).needs or Needs()


def why(world: World, agent: Agent) -> str:
    """Why the agent is on its host, and what happens when that stays unreachable."""
    told = [event.text for event in world.store.events(agent.name) if event.kind == EventKind.HOST_CHOSEN]
    act, seconds = _promise(world, agent)
    then = "it waits" if act == "wait" else f"{act} after {short_duration(seconds)}"
    return (
        f"{agent.name} is on {agent.host}: {told[-1] if told else 'it was asked for'}. If {agent.host} is lost: {then}."
    )


def keep_promises(world: World, host: str, note: Note) -> None:
    """Do with each agent of a host that does not answer what its `if_lost` says, once its time is over. A host that
    answers after all, and a home that reaches no other host either, is waited for."""
    unreachable = HostMark.read(world.store, host).unreachable_for
    for agent in looking.elsewhere(world, host) if unreachable else []:
        act, seconds = _promise(world, agent)
        if act == "wait" or unreachable < seconds or not world.store.status(agent.name).state.is_live:
            continue
        with suppress(BusyError), world.store.operation(agent.name):
            if world.store.agent(agent.name) != agent or _answers(host):
                continue
            why = f"{host} has been unreachable for {short_duration(unreachable)}"
            if act == "fail":
                _mark_lost(world, agent, why)
                continue
            _leave(world.store, host, agent.name)  # first, for this may be cut short at any point
            _restart(world, agent, note, why, waits=True)


def _promise(world: World, agent: Agent) -> tuple[str, float]:
    with suppress(OSError, ValueError, TypeError):
        order = starting.order_of(world, agent)
        return check_if_lost(str(order.request.get("if_lost", "")))
    return "wait", 0.0


def _answers(host: str) -> bool:
    """Whether it does now, at one more try."""
    try:
        facts_of(HostList().get(host))
    except DeckError:
        return False
    return True


def _left(store: Store, host: str) -> set[str]:
    with suppress(OSError, ValueError, TypeError, KeyError):
        return set(read_json(left_file(store, host))["agents"])
    return set()


def _leave(store: Store, host: str, name: str) -> None:
    write_json(left_file(store, host), {"agents": sorted({*_left(store, host), name})})


def end_left(world: World, host: str, note: Note) -> None:
    """Stop there what was started again elsewhere since. Raise UnreachableError where the host does not answer."""
    if (path := left_file(world.store, host)).exists():
        spec, left = HostList().get(host), _left(world.store, host)
        remote, facts = Remote(world, spec), facts_of(spec)
        _end_old(world, remote, facts, note)
        for held in facts.agents:
            if held.deck == world.deck and held.name in left and world.store.agent(held.name) is None:
                remote.call("stop", agent=held.name, timeout=60)  # it was removed here meanwhile
        path.unlink(missing_ok=True)


def _mark_lost(world: World, agent: Agent, reason: str) -> None:
    status, now = world.store.status(agent.name), time.time()
    replace(Mirror.read(world.store, agent.name), alive=False).write(world.store, agent.name)
    world.store.save(replace(agent, phase=Phase.HELD))
    lost = replace(status, state=State.FAILED, since=now, ended=now, reason=reason, fault=Fault.LOST)
    world.store.put_status(agent.name, lost)


def welcome(world: World, name: str, note: Note) -> None:
    """Use a host again that was given up. What it still runs of an earlier start is stopped there, and its work fetched
    to a ref of its own: both versions are kept. Raise UnreachableError where it does not answer."""
    spec = HostList().get(name)
    if not spec.lost:
        return
    facts = facts_of(spec)
    HostList().put(replace(spec, lost=0.0))
    _end_old(world, Remote(world, replace(spec, lost=0.0)), facts, note)


def _end_old(world: World, remote: Remote, facts: Facts, note: Note) -> None:
    """Stop the earlier starts of agents that are elsewhere by now, and fetch their work to a ref of its own."""
    name = remote.spec.name
    for held in facts.agents:
        agent = world.store.agent(held.name) if held.deck == world.deck else None
        if agent is None or (agent.host == name and agent.epoch == held.epoch):
            continue
        old = replace(agent, host=name, epoch=held.epoch)
        remote.call("stop", agent=old.name, timeout=60)
        _, commit = looking.fetch_commits(world, remote, old)
        world.repo.git("update-ref", archive_ref(old), commit)
        text = f"{name} is back: its start {held.epoch} was stopped there, and its work is {archive_ref(old)}"
        world.note(Event(EventKind.WARNING, old.name, text, {"ref": archive_ref(old), "commit": commit}), note)


def adopt(world: World, name: str, note: Note) -> list[AgentView]:
    """Take over the agents of this repository that the host has and home does not know, for home's state was lost. A
    deck that has no agents yet becomes the one that the host knows."""
    spec, found = HostList().get(name), list[AgentView]()
    store = world.store.open()
    for held in facts_of(spec).agents:
        is_ours = held.deck == world.deck
        if held.name in store.names() or not (is_ours or not store.names()):
            continue
        remote = Remote(world, spec, deck=held.deck)
        order = StartOrder.from_json(remote.call("order", agent=held.name))
        if world.repo.commit(order.base_commit) != order.base_commit or order.deck != held.deck:
            continue  # it is another repository's
        if not is_ours:
            store.name_deck(held.deck)
            world.__dict__.pop("deck", None)
        with store.naming():
            agent = starting.record_of(order, name)
            starting.write_order(world, agent, order)
            store.save(agent)
            mark_host(store, name, None)
        starting.give(world, agent, order, note)
        looking.pull(world, agent, note)
        found.append(roster.agent(world, agent.name))
    return found


def forget(name: str) -> str:
    """Take the host out of the list, or give it back to whom it comes from; return that one's name. Raise RefusedError
    where a deck of this user has agents there."""
    spec = HostList().get(name)
    for root, names in providing.agents_on(name):
        raise RefusedError(
            f"{root} has agents on {name}: {listed(names)}.",
            hint=f"Remove them first, or give the host up: agentdeck hosts lose {name}",
        )
    if spec.provider and not spec.lost:
        providing.release(spec)
        return spec.provider
    HostList().remove(name)
    return ""
