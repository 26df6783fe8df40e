"""What a landing will come to, found without touching anything: for a dry run, and before an agent is stopped or its
work is committed."""

from __future__ import annotations

from collections.abc import Sequence

from agentdeck.core.frozen import replace
from agentdeck.engine.landing.candidates import find_candidate, runs
from agentdeck.engine.landing.stages import Stages
from agentdeck.engine.lifecycle.ending import end_runner
from agentdeck.engine.records.landings import Entry, Landing, LandRequest, Stage
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import DeckError
from agentdeck.system.git import advance
from agentdeck.system.git.bases import Move
from agentdeck.system.git.merges import Method


def foresee(world: World, request: LandRequest, landing: Landing, note: Note) -> Landing:
    """The landing with what it would do for each of its agents, each on top of the one before."""
    with world.repo.objects_aside() as repo:
        return _try(Stages(replace(world, repo=repo), replace(request, dry_run=True), landing, note))


def _try(stages: Stages) -> Landing:
    tops: dict[str, str] = {}
    for entry in stages.landing.entries:
        with stages.set_aside_on_error(entry.agent):
            candidate = stages.foreseen(entry.agent)
            tip = stages.tip(candidate.base)
            made = stages.compute(candidate, tops.get(candidate.base) or tip)
            if made is not None:
                advance.check(stages.world.repo, Move(candidate.base, tip, made.new))
                tops[candidate.base] = made.new
                stages.entry(entry.agent, stage=Stage.WOULD_LAND)
    return stages.landing


def at_rest(stages: Stages, names: Sequence[str]) -> list[str]:
    """Those of the agents that will land as far as can be told, each stopped where that is asked for; the others are
    set aside as they are."""
    good = _hopeful(stages, names)
    running = [name for name in good if stages.request.stop and runs(stages.world, name)]
    for name in running:
        with stages.set_aside_on_error(name):
            end_runner(stages.world, name)
    # What they changed up to their end may be in the way.
    good = [name for name in good if not stages.landing.entry(name).stage.is_end]
    return _hopeful(stages, good) if running else good


def _hopeful(stages: Stages, names: Sequence[str]) -> list[str]:
    request = stages.request
    wanted = request.stop or request.commit is not None
    if not (wanted and any(_is_to_be_touched(stages, name) for name in names)):
        return list(names)
    own = replace(stages.landing, entries=tuple(Entry(name) for name in names))
    with stages.world.repo.objects_aside() as repo:
        trial = Stages(replace(stages.world, repo=repo), replace(request, dry_run=True), own, silent)
        trial.confirmed = stages.confirmed  # nobody is asked twice
        found = _try(trial)
    hopeless = [entry for entry in found.entries if entry.stage is Stage.SET_ASIDE and not _is_helped(stages, entry)]
    for entry in hopeless:
        stages.set_aside_as(entry)
    return [name for name in names if name not in {entry.agent for entry in hopeless}]


def _is_to_be_touched(stages: Stages, name: str) -> bool:
    """Whether the agent is to be stopped, or its work to be committed."""
    try:
        return runs(stages.world, name) or bool(find_candidate(stages.world, name, stages.request).uncommitted)
    except DeckError:
        return False  # it does not land, and is not touched


def _is_helped(stages: Stages, entry: Entry) -> bool:
    """Whether someone is asked to resolve the conflict, for which the work has to be committed."""
    request = stages.request
    resolved = request.resolve is not None and stages.landing.method is not Method.REBASE
    return bool(entry.conflicts) and (resolved or request.hand_back)
