"""Start an agent on another host: choose it, write down what is to happen, give the order, take the receipt.

Home's record is the journal: up to the receipt its phase is `acquiring`, and its order lies beside it. What was cut
short is asked again with the same order, for which a host starts nothing twice.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from typing import Any

from agentdeck.core.agents.agent import Agent, Mode, Phase
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.leases import Lease
from agentdeck.core.fleet.orders import StartOrder
from agentdeck.core.fleet.placement import Judgement
from agentdeck.core.frozen import replace
from agentdeck.core.text.text import plain
from agentdeck.engine.fleet import handing, looking, tunnels
from agentdeck.engine.fleet.hosts import Remote
from agentdeck.engine.fleet.sending import check_travels, check_whole, send_commits
from agentdeck.engine.records.hosts import mark_host
from agentdeck.engine.views import AgentView, StartRequest, view_of
from agentdeck.engine.views.starts import check_request, holder_of, name_of, request_to_json
from agentdeck.engine.world import Note, World
from agentdeck.errors import BusyError, DeckError, RefusedError, UnreachableError
from agentdeck.system.files.files import private_folder, read_json, write_json
from agentdeck.system.git.branches import delete_branch, make_branch, plan_branch
from agentdeck.system.state.store import new_id

ORDER = "order.json"
_START = 300.0
_UNSURE = (UnreachableError, BusyError)
"""After these nobody knows whether it started: an earlier server of the host may be at the same order still."""


def start(world: World, request: StartRequest, place: Judgement, note: Note) -> AgentView:
    """Start what is asked for on the host of `place`; see Deck.start."""
    host = place.host
    check_request(world, request)
    if request.if_lost.startswith("restart") and not (request.argv or request.mode is Mode.HEADLESS):
        raise RefusedError(
            "Only a task that nobody talks to can start again by itself on another host.",
            hint="Use a command or --headless, or if_lost = “wait”.",
        )
    check_whole(world)
    remote = Remote.of(world, host)
    remote.call("ping")  # who can't be reached is told before anything is made
    if tunnels.uses(world, request.tier or world.settings.config.agent.tier):
        tunnels.ensure(world, remote.spec)
    check_travels(world, remote, request.base or request.branch or "HEAD")
    with ExitStack() as held:
        with world.store.naming():
            world.store.clear_unborn()
            if request.id is not None and (first := holder_of(world.store, request.id)) is not None:
                return first
            agent, order = _planned(world, request, host)
            held.enter_context(world.store.operation(agent.name, wait=2))
            # Before the record, so that who finds that one has the order too.
            write_order(world, agent, order)
            if request.id is not None:  # and the id, for a start that is cut short here goes on
                world.store.write_id(request.id, agent.name)
            world.store.save(agent)
            mark_host(world.store, host, None)
        world.note(
            Event(EventKind.AGENT_CREATED, agent.name, agent.task, {"profile": agent.profile, "host": host}), note
        )
        if place.text:
            world.note(
                Event(EventKind.HOST_CHOSEN, agent.name, f"{host} was chosen: {place.text}", {"host": host}), note
            )
        try:
            return give(world, agent, order, note)
        except _UNSURE as error:
            with suppress(*_UNSURE):  # a lost reply is asked about
                return give(world, agent, order, note)
            raise _unsure(agent, error) from error
        except BaseException:
            _take_back(world, agent)
            raise


def order_of(world: World, agent: Agent) -> StartOrder:
    """The order that its host has, or is to get. Raise OSError, TypeError, KeyError or ValueError without one."""
    return StartOrder.from_json(read_json(world.store.agent_folder(agent.name) / ORDER))


def write_order(world: World, agent: Agent, order: StartOrder) -> None:
    write_json(private_folder(world.store.agent_folder(agent.name)) / ORDER, order.to_json())


def ask_again(world: World, agent: Agent, note: Note) -> None:
    """Find out what became of a start that was cut short: the host has the agent, or starts it now, or refuses."""
    with world.store.operation(agent.name):
        current = world.store.agent(agent.name)
        if current is None or current.phase is not Phase.ACQUIRING:
            return
        order = order_of(world, agent)
        try:
            give(world, current, order, note)
        except _UNSURE:
            raise
        except DeckError as error:
            note(Event(EventKind.AGENT_REPAIRED, agent.name, f"its start was interrupted; {error.title}"))
            _take_back(world, current)
            return
        text = f"its start was interrupted; it runs on {current.host}"
        world.note(Event(EventKind.AGENT_REPAIRED, agent.name, text), note)


def _planned(world: World, request: StartRequest, host: str) -> tuple[Agent, StartOrder]:
    """The record and the order."""
    config = world.settings.config
    name = name_of(request, world.store.names(), lambda: request.profile or "agent")
    base = request.base or config.agent.base or None
    plan = plan_branch(world.repo, name, request.branch, base, config.agent.branch)
    if world.repo.commit(f"refs/heads/{plan.base}") is None:
        raise RefusedError(
            f"{plan.base[:40]} is no branch here, and an agent on another host needs one to start from.",
            hint="Name one: --base BRANCH",
        )
    if plan.upstream:
        make_branch(world.repo, plan)
    begin = world.repo.commit(f"refs/heads/{plan.branch}") or plan.base_commit
    order = StartOrder(
        deck=world.deck,
        agent=name,
        epoch=1,
        serial=new_id(),
        base=plan.base,
        base_commit=plan.base_commit,
        branch=plan.branch,
        creates=plan.create,
        branch_commit="" if plan.create and not plan.upstream else begin,
        request={
            **request_to_json(replace(request, name=None, id=None, base=None, branch=None, on="")),
            "title": request.name if request.name and request.name != name else "",
            "run_id": request.id or "",
        },
        config=config_of(world),
        own=handing.configuration(world),
        approved=world.is_trusted,
    )
    return record_of(order, host), order


def config_of(world: World) -> str | None:
    """The repository's configuration as it lies here; None without one."""
    path = world.root / "agentdeck.toml"
    return path.read_text("utf-8") if path.is_file() else None


def record_of(order: StartOrder, host: str) -> Agent:
    """Home's record of an agent that the order starts on `host`."""
    asked = order.request
    lease = {
        "path": f"{host}:",
        "branch": order.branch,
        "base": order.base,
        "base_commit": order.base_commit,
        "create": order.creates,
        "git_dir": "",
    }
    argv, task = tuple(asked["argv"]), str(asked["task"])
    return Agent(
        name=order.agent,
        title=str(asked["title"]),
        task=task if task.strip() else " ".join(argv),
        profile=asked["profile"] or ("command" if argv else ""),
        mode=Mode(asked["mode"]) if asked["mode"] else Mode.HEADLESS if argv else Mode.INTERACTIVE,
        created=time.time(),
        argv=argv,
        tier=asked["tier"] or "",
        timeout=asked["timeout"],
        env=dict(asked["env"]),
        id=str(asked["run_id"]),
        folder=asked["folder"] or "",
        failover=tuple(asked["failover"]) if asked["failover"] is not None else None,
        leases=(Lease("worktree", True, lease),),
        runs=1,
        host=host,
        epoch=order.epoch,
    )


def give(world: World, agent: Agent, order: StartOrder, note: Note) -> AgentView:
    """Send what the order needs, and the order; let the record say what the host answered. The same again changes
    nothing."""
    remote = Remote.of(world, agent.host)
    if order.creates and world.repo.commit(ref := f"refs/heads/{order.branch}") is None:
        begin = order.branch_commit or order.base_commit
        world.repo.git("update-ref", "-m", "branch: Created for an agent", ref, begin, "0" * len(begin))
    send_commits(world, remote, [order.base_commit, *filter(None, [order.branch_commit])])
    handing.hand_down(world, remote, [agent])
    order = replace(order, gateway=tunnels.words_for(world, remote.spec, agent))
    receipt = remote.call("start", order=order.to_json(), timeout=_START)
    agent = started(agent, receipt)
    world.store.save(agent)
    looking.sync(world, remote, [agent], note)
    return view_of(world.store, world.store.agent(agent.name) or agent)


def started(agent: Agent, receipt: Any) -> Agent:
    """The record with what the host made of the order. Raise UnreachableError where that is no receipt of it."""
    try:
        if receipt["epoch"] != agent.epoch:
            raise ValueError(f"it is of start {receipt['epoch']}")
        lease = agent.worktree
        assert lease is not None
        data = {**lease.data, "path": f"{agent.host}:{plain(str(receipt['worktree']))}"}
        return replace(
            agent.with_lease(Lease("worktree", True, data)),
            profile=plain(str(receipt["profile"]))[:80],
            mode=Mode(receipt["mode"]),
            tier=plain(str(receipt["tier"]))[:80],
            model=plain(str(receipt.get("model", "")))[:200],
            permission=plain(str(receipt["permission"]))[:20],
            box=plain(str(receipt["box"]))[:20],
            phase=Phase.HELD,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreachableError(f"{agent.host} gave no receipt for {agent.name}: {error!r:.200}.") from error


def _take_back(world: World, agent: Agent) -> None:
    """Nothing started: leave nothing of it here."""
    lease = agent.worktree
    if lease is not None and lease.create:
        with suppress(DeckError):
            delete_branch(world.repo, lease.branch, lease.base_commit)
    if agent.id:
        world.store.id_path(agent.id).unlink(missing_ok=True)
    world.store.delete_agent(agent.name)


def _unsure(agent: Agent, error: DeckError) -> UnreachableError:
    return UnreachableError(
        f"{agent.host} has not said whether {agent.name} started.",
        detail=error.title,
        hint=f"agentdeck show {agent.name} asks again; nothing starts twice.",
    )
