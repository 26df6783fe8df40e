"""The landing queue: finished branches come to their base branch, one on top of the other, through the gate.

For each agent: look whether it can land before it is stopped or its work is committed (foresight.py), merge in the
object database, run the gate on the result in a worktree of its own, move the base branch by compare-and-swap, write
the step down (landing_stages.py). Whoever conflicts or fails is set aside with the reason, and the rest go on. Before
the base moves the record says what is about to happen; landed.py completes that, after a crash too.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence

from agentdeck.core.frozen import replace
from agentdeck.engine.landing.batch import land_batch
from agentdeck.engine.landing.foresight import at_rest, foresee
from agentdeck.engine.landing.landed import record_commits
from agentdeck.engine.landing.stages import Stages
from agentdeck.engine.landing.turns import held_agents, held_base
from agentdeck.engine.records.landings import Entry, Landing, Landings, LandRequest, Stage, new_id
from agentdeck.engine.world import Note, World
from agentdeck.errors import DeckError, RefusedError
from agentdeck.system.git.bases import MovedError
from agentdeck.system.git.merges import Method
from agentdeck.system.git.remotes import BehindError
from agentdeck.system.machine.ahead import load_ahead

_FOR_THE_RECORD = ("agentdeck.engine.providers.own_usage", "agentdeck.system.state.recording", "_strptime")
"""What is wanted when a branch has moved."""


def land(world: World, request: LandRequest, note: Note) -> Landing:
    """Land the named agents in that order, and return what became of each. Raise only where nothing could be begun."""
    names = tuple(dict.fromkeys(request.names))
    if request.message and len(names) > 1:
        raise RefusedError("One message can't serve several agents.", hint="Land them one by one, or omit it.")
    if request.pull and not request.dry_run:
        world = _pulled(world, request, note)
    config = world.settings.config.landing
    landing = Landing(
        id=new_id(),
        at=time.time(),
        method=request.method or Method(config.method),
        gate=request.gate if request.gate is not None else tuple(config.gate),
        remove=config.remove if request.remove is None else request.remove,
        entries=tuple(Entry(name) for name in names),
        approved=request.approved or "a program",
        overrides=_overrides(request, config.gate),
    )
    if request.dry_run:
        return foresee(world, request, landing, note)
    load_ahead(*_FOR_THE_RECORD)
    with Landings(world.store).running(landing.id):
        stages = Stages(world, request, landing, note)
        try:
            try:
                _run(stages)
            finally:
                stages.close()
        finally:
            _end(stages)
    return stages.landing


def _overrides(request: LandRequest, gate: Sequence[str]) -> tuple[str, ...]:
    told = []
    if request.gate is not None and tuple(gate) != request.gate:
        told.append("another gate than the configured one" if request.gate else "no gate")
    if request.trailers is False:
        told.append("no trailers")
    return tuple(told)


def _run(stages: Stages) -> None:
    request, names = stages.request, _names(stages)
    if request.batch and len(names) > 1:
        land_batch(stages, names)
    elif stages.landing.gate:
        _land_in_turn(stages)
    else:  # it takes a moment only, which is one look
        with stages.world.repo.one_look():
            _land_in_turn(stages)
    if request.push:
        for base in sorted({entry.base for entry in stages.landing.entries if entry.stage is Stage.LANDED}):
            _push(stages, base)


def _land_in_turn(stages: Stages) -> None:
    for name in stages.in_turn():
        with stages.set_aside_on_error(name):
            stages.check_wanted(name)
            _land_one(stages, name)


def _names(stages: Stages) -> Sequence[str]:
    return [entry.agent for entry in stages.landing.entries]


def _pulled(world: World, request: LandRequest, note: Note) -> World:
    """Bring the bases up to date; return the world as it is configured then, for the gate may have come with them."""
    from agentdeck.engine.landing.exchange import pull

    for base in _bases(world, request):
        pull(world, base, note, request.cancelled)
    world = replace(world)
    world.check_trust()
    return world


def _bases(world: World, request: LandRequest) -> list[str]:
    """The branches that the agents of this queue would land on."""
    bases: dict[str, None] = {}
    for name in request.names:
        agent = world.store.agent(name)
        lease = agent.worktree if agent else None
        if request.into or lease:
            bases[request.into or (lease.base if lease else "")] = None
    return list(bases)


def _land_one(stages: Stages, name: str) -> None:
    with stages.world.repo.one_look(), held_agents(stages, [name]) as held:
        if not at_rest(stages, held):
            return
        candidate = stages.ready(name)
        with held_base(stages, candidate.base, [name]):
            for _ in range(stages.world.settings.config.landing.retries + 1):
                made = stages.compute(candidate, stages.tip(candidate.base))
                if made is None or not stages.passes(candidate, made):
                    return
                try:
                    stages.move(candidate.base, [made])
                except MovedError:
                    stages.starts_over(name, candidate.base)
                    continue
                stages.clear_up([name])
                return
            raise stages.restless(candidate.base)


def _push(stages: Stages, base: str) -> None:
    from agentdeck.engine.landing.exchange import push

    landing = stages.landing
    try:
        told = push(stages.world, base, stages.note, stages.request.cancelled)
        landing = replace(landing, pushed=" ".join(filter(None, (landing.pushed, told))))
    except DeckError as error:
        # What landed has landed, and is to be told.
        hint = _way_to_push(stages, base) if isinstance(error, BehindError) else error.hint
        landing = replace(landing, unpushed=error.title, unpushed_detail=error.detail, unpushed_hint=hint)
    stages.save(landing)


def _way_to_push(stages: Stages, base: str) -> str:
    """The commands that land the same again, on top of what the remote has."""
    request = stages.request
    landed = [entry for entry in stages.landing.entries if entry.base == base and entry.stage is Stage.LANDED]
    steps = sorted({entry.step for entry in landed if entry.step}, reverse=True)
    words = ["--pull", "--push", *([f"--{request.method}"] if request.method else [])]
    words += ["--into", request.into] if request.into else []
    again = shlex.join(["agentdeck", "merge", *words, *(entry.agent for entry in landed)])
    return " && ".join([*(f"agentdeck undo --step {step}" for step in steps), again])


def _end(stages: Stages) -> None:
    if stages.landing.move is not None:
        return  # a base has moved, and that is still to be written down: the next verb does it
    for entry in stages.landing.entries:
        if not entry.stage.is_end:
            stages.entry(entry.agent, stage=Stage.INTERRUPTED, reason="it was interrupted; nothing was moved")
    stages.save(record_commits(stages.world, replace(stages.landing, ended=time.time())))
