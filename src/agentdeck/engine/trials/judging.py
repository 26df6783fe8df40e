"""Judge racers: what each would be on its base as it is now, whether that passes the gate, and what it measures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from agentdeck.core.agents.agent import State
from agentdeck.core.frozen import replace
from agentdeck.core.trials.race import Score, is_test, last_number
from agentdeck.engine import roster
from agentdeck.engine.landing.candidates import runs
from agentdeck.engine.landing.gate import Gates
from agentdeck.engine.landing.stages import Stages
from agentdeck.engine.providers.spending import of_agent
from agentdeck.engine.records.landings import Entry, Gate, GateVerdict, Landing, Landings, LandRequest, new_id
from agentdeck.engine.records.races import Judged, Race, Racer
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import DeckError, NotFoundError
from agentdeck.system.git.merges import Method
from agentdeck.system.git.patches import Source
from agentdeck.system.state.logs import read_log

_ENOUGH = 200
"""Lines of output in which a number is sought."""


class Judge:
    """Judges agents as they would land; use it inside `judging`, which removes what the gates had."""

    def __init__(self, stages: Stages, note: Note) -> None:
        self._stages, self._world = stages, stages.world
        self._gates, self._note = Gates(stages.world, note, stages.world.settings.config.landing.on), note

    def close(self) -> None:
        self._gates.close()

    def judge(self, race: Race, racer: Racer, known: Sequence[Judged]) -> Judged:
        try:
            view = roster.agent(self._world, racer.name)
        except NotFoundError:
            return Judged((), Score(racer.name, out="it is not there"))
        score = replace(Score(racer.name), cost=cost_of(self._world, racer.name), seconds=seconds_of(view))
        if view.agent.landed:
            old = next((each for each in known if each.score.name == racer.name), None)
            return old or Judged((), replace(score, out="it has landed"))
        if view.state.is_live and (runs(self._world, racer.name) or not view.status.is_at_prompt):
            what = f"asks: {view.reason}" if view.status.is_asking else f"is {view.state}"
            return Judged((), replace(score, ready=False, out=what))
        if view.state in (State.FAILED, State.STOPPED):
            told = f"{view.state}: {view.reason}" if view.reason not in ("", view.state) else str(view.state)
            return Judged((), replace(score, out=told))
        try:
            return self._judge_work(race, score, known)
        except DeckError as error:
            return Judged((), replace(score, out=error.title))

    def _judge_work(self, race: Race, score: Score, known: Sequence[Judged]) -> Judged:
        stages, name = self._stages, score.name
        candidate = stages.foreseen(name)
        made = stages.compute(candidate, stages.tip(candidate.base))
        if made is None:
            return Judged((), replace(score, out=stages.landing.entry(name).reason))
        tree = self._world.repo.git("rev-parse", f"{made.new}^{{tree}}").strip()
        signs = (tree, made.old, *stages.landing.gate, race.metric)
        counts = Source(self._world.repo, self._world.repo.run).counts(made.old, made.new)
        score = replace(
            score,
            files=len(counts),
            lines=sum(each.added + each.deleted for each in counts),
            tests=tuple(each.path for each in counts if is_test(each.path)),
        )
        for old in known:
            if old.signs == signs and old.score.name == name:
                tested = replace(score, out=old.score.out, gate=old.score.gate, metric=old.score.metric)
                return Judged(signs, tested)
        if stages.landing.gate:
            verdict = self._run(candidate.base, name, stages.landing.gate, made.new)
            score = replace(score, gate="passed" if verdict.passed else "failed")
            if not verdict.passed:
                return Judged(signs, replace(score, out=f"its gate failed: {verdict.reason}"))
        if race.metric:
            verdict = self._run(candidate.base, name, (race.metric,), made.new)
            lines = [line.text for line in read_log(Path(verdict.log))] if verdict.log else []
            own = [line for line in lines if not line.startswith("$ ") and "gate failed: " not in line]
            score = replace(score, metric=last_number(own[-_ENOUGH:]) if verdict.passed else None)
        return Judged(signs, score)

    def _run(self, base: str, name: str, commands: Sequence[str], commit: str) -> GateVerdict:
        return self._gates.run(Gate(self._stages.landing.id, name, base, commands), commit)


@contextmanager
def judging(world: World, names: Sequence[str], note: Note) -> Iterator[Judge]:
    """A landing that never moves anything, so that what a crash leaves of its gates is removed as any landing's."""
    config = world.settings.config.landing
    landing = Landing(new_id(), time.time(), Method(config.method), tuple(config.gate))
    landing = replace(landing, entries=tuple(Entry(name) for name in names))
    request = LandRequest(tuple(names), commit="", dry_run=True)
    with Landings(world.store).running(landing.id):
        judge = Judge(Stages(world, request, landing, silent), note)
        try:
            yield judge
        finally:
            judge.close()


def cost_of(world: World, name: str) -> float | None:
    """What the agent cost, in US dollars; None where that is not known of each of its requests that was served."""
    costs = [record.cost for record in of_agent(world, name) if record.provider]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None


def seconds_of(view: AgentView) -> float:
    status = view.status
    end = status.ended or (time.time() if view.state.is_live else status.since)
    with suppress(TypeError):
        return max(0.0, end - (status.started or view.agent.created))
    return 0.0
