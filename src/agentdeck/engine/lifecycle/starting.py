"""Start an agent: check what is asked for, give it a name, make what it holds."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec

from agentdeck.core.agents.agent import COMMAND, Agent, Mode, Phase
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.core.text.text import cut
from agentdeck.engine.lifecycle.delegating import INSTALL_MCP, as_child, check_caps
from agentdeck.engine.lifecycle.ending import mark_lost
from agentdeck.engine.lifecycle.stack import acquire_all
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import AgentView, StartRequest, view_of
from agentdeck.engine.views.starts import check_request, holder_of, name_of
from agentdeck.engine.world import Note, World, in_one_look
from agentdeck.errors import CancelledError, DeckError, MissingToolError, StoreError, UsageError
from agentdeck.system.machine.process import cancellable, check_cancelled, require_program, which


@in_one_look
def start(world: World, request: StartRequest, note: Note) -> AgentView:
    """See Deck.start."""
    request = _with_account(world, as_child(world, request))
    try:
        with cancellable(request.cancelled):
            check(world, request)
            check_cancelled()
    except CancelledError:
        raise CancelledError("The start was cancelled before anything was made.") from None
    with contextlib.ExitStack() as held:
        # A name is the agent's from its record on, and its operation lock is taken before others can see that.
        with world.store.naming():
            world.store.clear_unborn()
            if request.id is not None and (first := holder_of(world.store, request.id)) is not None:
                return first
            agent = replace(_new_agent(world, request), parents=check_caps(world, request.parent))
            held.enter_context(world.store.operation(agent.name, wait=2))
            world.store.save(agent)
            if request.now:
                world.store.let_start_now(agent.name)
            if request.id is not None:
                world.store.write_id(request.id, agent.name)
        world.note(Event(EventKind.AGENT_CREATED, agent.name, agent.task, {"profile": agent.profile}), note)
        _note_tier(world, agent, note)
        _note_trouble(world, agent, note)
        return view_of(world.store, acquire(world, agent, note, request.cancelled))


def _with_account(world: World, request: StartRequest) -> StartRequest:
    """With the account that it begins with, where its CLI has several."""
    if request.argv or not (world.lanes or request.account is not None):
        return request
    from agentdeck.engine.profiles.accounts import to_start

    return replace(request, profile=to_start(world, _profile_of(world, request), request.account))


def acquire(world: World, agent: Agent, note: Note, cancelled: Callable[[], bool] = lambda: False) -> Agent:
    """Make all that `agent` holds and start its runner. Where a step fails or `cancelled` says so, what a first start
    made is taken back, and a further one leaves the agent as it was. The caller holds its operation lock."""
    try:
        with cancellable(cancelled):
            agent = replace(acquire_all(world, agent, note), phase=Phase.HELD)
            check_cancelled()
    except BaseException as error:
        current = world.store.agent(agent.name) or agent
        if current.runs == 1:
            is_gone = _take_back(world, current, note)
            if isinstance(error, CancelledError):
                rest = "; nothing is left of it" if is_gone else ""
                raise CancelledError(f"The start of {agent.name} was cancelled{rest}.") from error
        else:
            world.store.save(replace(current, phase=Phase.HELD))
            mark_lost(world, agent.name, "it could not be started again")
        raise
    world.store.save(agent)
    return agent


def check(world: World, request: StartRequest) -> None:
    """Raise, with nothing made, where the agent could not be started."""
    check_request(world, request)
    check_ready(world)
    path = _path_of(world, request)
    if request.argv:
        _check_command(world, request.argv[0], path)
    else:
        from agentdeck.system.config.profiles import require

        profile = require(world.profiles, _profile_of(world, request), path)
        _permission_of(world, request)
        if not request.task.strip() and not profile.lines(Mode.INTERACTIVE).bare:
            hint = f'agentdeck run --agent {profile.name} "what to do"'
            raise UsageError(f"{profile.title} can't be started without a task.", hint=hint)
        config = world.settings.config
        gateways.check(config, profile, request.tier or config.agent.tier)
        gateways.missing_note(world, profile, request.tier or config.agent.tier)
        _model_of(world, request)
        if config.mcp.agents and profile.tools.argv and find_spec("fastmcp") is None:
            raise MissingToolError("FastMCP is not installed, and mcp.agents is on.", hint=INSTALL_MCP)
        from agentdeck.engine.profiles.chain import check_chain

        check_chain(world, request.failover)
    if world.settings.config.ports.per_agent:
        world.ports.owners()  # a registry that can't be read fails here, before anything is made
    _box_of(world, request)


def _check_command(world: World, program: str, path: str | None) -> None:
    """Raise where nobody can have put the program there by the time it is wanted: a hook, or the worktree itself."""
    setup = world.settings.config.hooks.setup
    if "/" not in program and not setup and which(program, path=path) is None:
        raise MissingToolError(
            f"There is no program “{cut(program, 60)}” in PATH.",
            hint="Run a shell line with: -- sh -c 'make test && …'",
        )


def check_ready(world: World) -> None:
    """Raise, before anything is made or changed, where no agent can be started here."""
    require_program("tmux")
    world.environment()


def _path_of(world: World, request: StartRequest) -> str | None:
    return request.env.get("PATH", world.search_path)


def _note_tier(world: World, agent: Agent, note: Note) -> None:
    profile = world.profiles.get(agent.profile)
    bypass = gateways.bypass_note(world.settings.config, profile if agent.tier else None, agent.tier)
    for text in (bypass, gateways.missing_note(world, profile, agent.tier)):
        if text:
            world.note(Event(EventKind.WARNING, agent.name, text, {"tier": agent.tier}), note)


def _note_trouble(world: World, agent: Agent, note: Note) -> None:
    """Say before anything is made what will keep the agent from its work."""
    from agentdeck.engine.profiles.allowing import login_note, refusals_note

    variables = world.environment() | agent.env
    for text in (login_note(world, agent, variables), refusals_note(world, agent, variables)):
        if text:
            world.note(Event(EventKind.WARNING, agent.name, text, {"permission": agent.permission}), note)


def _permission_of(world: World, request: StartRequest) -> str:
    from agentdeck.engine.profiles.allowing import permission_of

    if request.argv:
        return ""

    def can_be_boxed() -> bool:
        from agentdeck.engine.box.boxes import why_no_box

        return not why_no_box(world)

    return permission_of(world, world.profiles[_profile_of(world, request)], request, can_be_boxed)


def _model_of(world: World, request: StartRequest) -> str:
    from agentdeck.engine.lifecycle.model import model_to_start

    if request.argv:
        return ""
    tier = request.tier or world.settings.config.agent.tier
    return model_to_start(world, world.profiles[_profile_of(world, request)], request, tier)


def _box_of(world: World, request: StartRequest) -> str:
    mode = request.box or world.settings.config.box.mode
    if mode == "off":
        return ""
    from agentdeck.engine.box.boxes import check_can_be

    check_can_be(world, mode)
    return mode


def _profile_of(world: World, request: StartRequest) -> str:
    from agentdeck.system.config.profiles import choose

    if request.argv:
        return COMMAND
    return choose(world.profiles, request.profile or world.settings.config.agent.profile, _path_of(world, request))


def _new_agent(world: World, request: StartRequest) -> Agent:
    taken = world.store.names()
    name = name_of(request, taken, lambda: _profile_of(world, request))
    defaults = world.settings.config.agent
    return Agent(
        name=name,
        title=request.name if request.name and request.name != name else "",
        task=request.task if request.task.strip() else " ".join(request.argv),
        profile=_profile_of(world, request),
        mode=request.mode or (Mode.HEADLESS if request.argv else Mode.INTERACTIVE),
        created=time.time(),
        argv=request.argv,
        branch=request.branch or "",
        base=request.base or "",
        base_commit=request.base_commit,
        tier=request.tier or defaults.tier,
        model=_model_of(world, request),
        permission=_permission_of(world, request),
        box=_box_of(world, request),
        timeout=request.timeout or defaults.timeout,
        env=dict(request.env),
        id=request.id or "",
        failover=request.failover,
        index=_lowest_index(world, taken),
        folder=request.folder or "",
        closes=request.closes,
        runs=1,
    )


def _lowest_index(world: World, names: Iterable[str]) -> int:
    taken = set()
    for name in names:
        with contextlib.suppress(StoreError):  # a damaged record has none that is known
            agent = world.store.agent(name)
            taken.add(agent.index if agent else 0)
    return next(number for number in itertools.count(1) if number not in taken)


def _take_back(world: World, agent: Agent, note: Note) -> bool:
    """Undo a failed start and return whether nothing is left of it. Where that fails too it is only told, for the first
    error is the one to raise."""
    from agentdeck.engine.lifecycle import removal

    try:
        return removal.roll_back(world, agent, note)
    except (DeckError, OSError) as error:
        told = error.title if isinstance(error, DeckError) else str(error)
        # Not written down: what stopped it may be that nothing can be.
        note(Event(EventKind.WARNING, agent.name, f"its start is not fully rolled back yet: {told}"))
        with contextlib.suppress(DeckError, OSError):
            if world.store.agent(agent.name) is not None:
                mark_lost(world, agent.name, "its start failed and is not fully rolled back")
        return False
