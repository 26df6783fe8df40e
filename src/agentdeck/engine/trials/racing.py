"""Start a race, judge it, and end it: one lands, the rest is removed as by `rm`, so that each can be taken back."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection

from agentdeck.core.agents.agent import NAME_MAX, State, name_for_task, safe_name
from agentdeck.core.frozen import replace
from agentdeck.core.text.text import listed
from agentdeck.core.trials.race import parse_racers, ranked
from agentdeck.engine import roster
from agentdeck.engine.lifecycle.starting import check
from agentdeck.engine.records.landings import Landing, LandRequest, Stage, new_id
from agentdeck.engine.records.races import Race, Racer, Races, Standing
from agentdeck.engine.trials.judging import judging
from agentdeck.engine.views import QueuedTask, StartRequest
from agentdeck.engine.world import Note, World
from agentdeck.errors import NotFoundError, RefusedError, UsageError
from agentdeck.system.git.branches import plan_branch


def prepare(world: World, request: StartRequest, racers: str, metric: str | None, *, lower: bool) -> Race:
    """Write the race down whose racers are then started; the same `id` is the same race. Raise, with nothing begun,
    where one of the racers could not start."""
    races = Races(world.store)
    if request.id and (known := races.of(request.id)):
        return known
    if request.argv or request.branch or not request.task.strip():
        raise UsageError("A race needs a task, and makes a branch for each agent.")
    try:
        wanted = [(profile, tier or request.tier or "") for profile, tier in parse_racers(racers)]
    except ValueError as error:
        raise UsageError(f"--race: {error}.", hint='agentdeck run --race claude,codex "what to do"') from error
    config = world.settings.config
    for profile, tier in wanted:
        check(world, replace(request, profile=profile, tier=tier or None))
    plan = plan_branch(world.repo, "race", None, request.base or config.agent.base or None, "{name}")
    if world.repo.commit(f"refs/heads/{plan.base}") is None:
        raise RefusedError(f"{plan.base} is no branch, so nothing could land on it.", hint="Name one: --base BRANCH")
    names = _names(request, world.store.names(), len(wanted))
    race = Race(
        new_id(),
        time.time(),
        request.task,
        plan.base,
        plan.base_commit,
        tuple(Racer(name, *each) for name, each in zip(names, wanted, strict=True)),
        config.race.metric if metric is None else metric,
        lower or config.race.lower,
        run_id=request.id or "",
    )
    races.save(race)
    return race


def _names(request: StartRequest, taken: Collection[str], count: int) -> list[str]:
    """`fix-1`, `fix-2`, …, all of them free; `fix-r2-1`, … where they are not."""
    stem = (safe_name(request.name) if request.name else name_for_task(request.task, ()))[: NAME_MAX - 8].rstrip("-")
    for turn in itertools.count():
        mark = f"r{turn + 1}-" if turn else ""
        names = [f"{stem}-{mark}{number}" for number in range(1, count + 1)]
        if not set(names) & set(taken):
            return names
    raise AssertionError


def starts(race: Race, request: StartRequest) -> list[QueuedTask]:
    """How each racer is started; one that was started before is found by its id."""
    return [
        QueuedTask(
            racer.name,
            replace(
                request,
                profile=racer.profile,
                tier=racer.tier or None,
                name=racer.name,
                base=race.base,
                base_commit=race.commit,
                id=race.start_id(racer.name),
            ),
        )
        for racer in race.racers
    ]


def standing(world: World, race: Race, note: Note) -> Standing:
    """Judge the racers that have come to their end, and rank them."""
    races = Races(world.store)
    with races.held(race.id):
        race = races.get(race.id)
        if race.ended:
            scores = [each.score for each in race.judged]
            return Standing(race, tuple(ranked(scores, lower=race.lower)))
        with judging(world, race.names, note) as judge:
            judged = tuple(judge.judge(race, racer, race.judged) for racer in race.racers)
        race = replace(race, judged=judged)
        races.save(race)
    return Standing(race, tuple(ranked([each.score for each in judged], lower=race.lower)))


def pick(found: Standing, wanted: str) -> str:
    """The racer called `wanted`, or the best one for `best`. Raise where there is none, or where two are the best."""
    scores = {score.name: score for _, score in found.places}
    if wanted == "best":
        if found.running:
            raise RefusedError(
                f"{found.running[0]} has not come to its end, so nobody is the best yet.",
                hint=f"Wait for it, or pick one: agentdeck race --land NAME {found.race.id}",
            )
        if not found.best:
            raise RefusedError("Nobody of this race can land.", hint=f"agentdeck race {found.race.id}")
        if len(found.best) > 1:
            raise RefusedError(
                f"{listed(found.best)} are equally good.",
                hint=f"Pick one: agentdeck race --land {found.best[0]} {found.race.id}",
            )
        return found.best[0]
    if wanted not in scores:
        raise NotFoundError(f"There is no racer “{wanted}” in this race.", hint=f"agentdeck race {found.race.id}")
    if scores[wanted].out:
        raise RefusedError(f"{wanted} can't land: {scores[wanted].out}.", hint=f"agentdeck merge {wanted}")
    return wanted


def settle(
    world: World,
    found: Standing,
    wanted: str,
    land: Callable[[LandRequest, Note], Landing],
    remove: Callable[[str, Note], None],
    *,
    approved: str,
    keep: bool,
    note: Note,
) -> Landing | None:
    """Land the one that is wanted and remove the others; what a crash cut short goes on from where it was. None where
    it had landed already."""
    races, race = Races(world.store), found.race
    name = race.winner if race.winner and wanted == "best" else pick(found, wanted)
    if race.winner and race.winner != name and _has_landed(world, race.winner):
        raise RefusedError(f"{race.winner} has won this race.", hint="“agentdeck undo --list” lists the steps.")
    race, landing = replace(race, winner=name), None
    races.save(race)
    if not _has_landed(world, name):
        landing = land(LandRequest((name,), commit="", approved=approved), note)
        if landing.entries[0].stage is not Stage.LANDED:
            races.save(replace(race, winner=""))
            return landing
    there = world.store.names()
    for each in race.names if not keep else ():
        if each != name and each in there:
            remove(each, note)
    races.save(replace(race, ended=True))
    return landing


def _has_landed(world: World, name: str) -> bool:
    try:
        return roster.agent(world, name).state is State.LANDED
    except NotFoundError:
        return False
