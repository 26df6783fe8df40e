"""Run a suite of benchmark tasks: agents at fixed commits, then checks that none of them could see."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agentdeck import __version__
from agentdeck.core.agents.agent import PASSING_FAULTS, Fault, Mode, State, name_for_task
from agentdeck.core.config.suite import SuiteTask
from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.providers.tiers import FALLBACK, HOME_TIERS, LOCAL, parse_target
from agentdeck.core.trials.results import BenchResult
from agentdeck.engine.box.boxes import check_can_be, shown_in_boxes
from agentdeck.engine.landing.candidates import find_candidate
from agentdeck.engine.landing.committing import with_its_work
from agentdeck.engine.landing.gate import Gates
from agentdeck.engine.lifecycle.starting import check
from agentdeck.engine.providers.spending import of_agent
from agentdeck.engine.records.landings import Gate, GateVerdict, Landings, LandRequest, new_id
from agentdeck.engine.trials.judging import cost_of, seconds_of
from agentdeck.engine.views import AgentView, QueuedTask, StartRequest, TaskEnd
from agentdeck.engine.views.trials import BenchRequest
from agentdeck.engine.world import Note, World
from agentdeck.errors import DeckError, NotFoundError, RefusedError
from agentdeck.system.config.benchfile import append_result, read_results
from agentdeck.system.git.blobs import known_blobs
from agentdeck.system.git.branches import plan_branch
from agentdeck.system.machine.interrupts import uninterrupted

_SAYS_NOTHING = PASSING_FAULTS | {Fault.SETUP, Fault.LOST, Fault.AUTH}
"""Faults after which a run says nothing of the model."""


@dataclass(frozen=True, slots=True)
class BenchRun:
    """One agent to start."""

    bench: str
    task: SuiteTask
    tier: str
    number: int
    profile: str
    commit: str
    attempt: int = 0
    """How many earlier ones said nothing of the model."""

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.bench, self.task.name, self.tier, self.number

    @property
    def id(self) -> str:
        return " ".join(map(str, ("bench", *self.key, *([self.attempt] if self.attempt else []))))


@dataclass(frozen=True)
class Bench:
    world: World
    request: BenchRequest
    start_many: Callable[[Sequence[QueuedTask], int, Note], list[TaskEnd]]
    remove: Callable[[str, Note], None]
    note: Note

    def run(self) -> list[BenchResult]:
        """All results of this benchmark, those of an earlier call with its id among them."""
        bench = self.request.id or new_id()
        runs = list(self._runs(bench))
        self._check(runs)
        records = read_results(self.request.out)
        known = {each.key: each for each in records if each.passed is not None}
        tries = Counter(each.key for each in records)
        self._remove_done([replace(run, attempt=at) for run in runs for at in range(tries[run.key])])
        left = [replace(run, attempt=tries[run.key]) for run in runs if run.key not in known]
        width = max(1, self.request.jobs or self.world.settings.config.queue.jobs or 2)
        for at in range(0, len(left), width):
            for result in self._some(left[at : at + width]):
                known[result.key] = result
        return [known[each.key] for each in runs]

    def _runs(self, bench: str) -> Iterator[BenchRun]:
        suite, config = self.request.suite, self.world.settings.config
        profile = self.request.profile or suite.agent or config.agent.profile
        for number in range(1, self.request.repeat + 1):
            for task in suite.task:
                commit = self.world.repo.commit(task.commit)
                if commit is None:
                    raise NotFoundError(f"There is no commit “{task.commit}” for the task {task.name}.")
                for tier in self.request.tiers:
                    yield BenchRun(bench, task, tier, number, profile, commit)

    def _check(self, runs: Sequence[BenchRun]) -> None:
        """Raise, with nothing started, where one could not run, or an agent could read what its work is checked by."""
        known = {*self.world.settings.config.tiers, *HOME_TIERS, LOCAL, FALLBACK}
        for tier in self.request.tiers:
            if tier not in known:
                raise NotFoundError(f"There is no tier “{tier}”.", hint=f"There are: {', '.join(sorted(known))}.")
            first = next(run for run in runs if run.tier == tier)
            check(self.world, self._start(first))
        if not self.request.box:
            return
        check_can_be(self.world, "files")
        for task in self.request.suite.task:
            if task.checks:
                self._check_hidden(Path(task.checks))

    def _check_hidden(self, folder: Path) -> None:
        if where := shown_in_boxes(self.world, folder):
            raise RefusedError(f"Agents see {folder}, because their boxes show {where}.", hint="Move the checks away.")
        files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
        if known := known_blobs(self.world.repo, files):
            raise RefusedError(
                f"Agents can read {known[0].relative_to(folder)} in the repository's history.",
                hint="Keep checks out of the repository that agents work on.",
            )

    def _start(self, run: BenchRun) -> StartRequest:
        return StartRequest(
            task=run.task.task,
            profile=run.profile,
            tier=run.tier,
            base=run.commit,
            mode=Mode.HEADLESS,
            permission="edit" if self._has_levels(run.profile) else None,
            timeout=run.task.timeout,
            box="files" if self.request.box else "off",
            id=run.id,
            failover=(),
            folder="",
        )

    def _has_levels(self, profile: str) -> bool:
        found = self.world.profiles.get(profile)
        return found is not None and found.permission.edit is not None

    def _some(self, runs: Sequence[BenchRun]) -> Iterator[BenchResult]:
        taken = set(self.world.store.names())
        tasks = []
        for run in runs:
            stem = name_for_task(f"bench {run.task.name} {run.tier} {run.number}", taken)
            taken.add(stem)
            tasks.append(QueuedTask(stem, replace(self._start(run), name=stem)))
        try:
            ends = self.start_many(tasks, len(tasks), self.note)
        except BaseException:
            self._give_up(runs)
            raise
        for run, end in zip(runs, ends, strict=True):
            result = self._result(run, end)
            append_result(self.request.out, result)
            if end.view is not None and end.view.name in self.world.store.names():
                self.remove(end.view.name, self.note)
            yield result

    def _empty(self, run: BenchRun, why: str = "") -> BenchResult:
        """One that says nothing."""
        model, at = self._leader(run.tier), time.time()
        return BenchResult(*run.key, run.profile, model, None, why, commit=run.commit, at=at, version=__version__)

    def _give_up(self, runs: Sequence[BenchRun]) -> None:
        """Remove the agents of an interrupted benchmark, and write down that they say nothing: a call with its id runs
        them again."""
        ids = {run.id: run for run in runs}
        with uninterrupted():
            for agent in self.world.store.agents():
                if agent.id in ids:
                    self.remove(agent.name, self.note)
                    append_result(self.request.out, self._empty(ids[agent.id], "interrupted"))

    def _result(self, run: BenchRun, end: TaskEnd) -> BenchResult:
        empty = self._empty(run)
        if end.view is None:
            return replace(empty, why=end.error.title if end.error else "it did not start")
        view = end.view
        records = list(of_agent(self.world, view.name))
        served = Counter(f"{each.provider}:{each.model}" for each in records if each.provider)
        found = replace(
            empty,
            model=served.most_common(1)[0][0] if served else empty.model,
            cost=cost_of(self.world, view.name),
            seconds=round(seconds_of(view), 1),
            tokens=sum(each.usage.total for each in records),
        )
        if view.status.fault in _SAYS_NOTHING or view.state is State.STOPPED:
            return replace(found, why=f"{view.state}: {view.reason}")
        if view.status.fault is Fault.TIMED_OUT:
            return replace(found, passed=False, why="it took too long")
        try:
            verdict = self._test(run, view)
        except DeckError as error:
            return replace(found, why=f"its work could not be checked: {error.title}")
        return replace(found, passed=verdict.passed, why=verdict.reason)

    def _leader(self, tier: str) -> str:
        """Who should serve the tier, as far as that is configured."""
        steps = self.world.settings.config.tiers.get(tier, ())
        return str(parse_target(steps[0])) if steps and not isinstance(steps, str) else ""

    def _test(self, run: BenchRun, view: AgentView) -> GateVerdict:
        """Check the work where the files of the checks are copied over it."""
        world = self.world
        into = plan_branch(world.repo, "bench", None, None, "{name}").base
        candidate = find_candidate(world, view.name, LandRequest((view.name,), commit="", into=into), protected=True)
        commit = with_its_work(world, candidate, "work of a benchmark").tip
        commands = list(run.task.check)
        if run.task.checks:
            world = replace(world, shown=(run.task.checks,))
            commands.insert(0, f"cp -R {shlex.quote(run.task.checks)}/. .")
        landing = new_id()
        with Landings(world.store).running(landing):
            gates = Gates(world, self.note)
            try:
                return gates.run(Gate(landing, view.name, into, commands), commit)
            finally:
                gates.close()

    def _remove_done(self, runs: Sequence[BenchRun]) -> None:
        """Remove the agents of runs that were written down just before a crash."""
        ids = {run.id for run in runs}
        for agent in self.world.store.agents():
            if agent.id in ids:
                self.remove(agent.name, self.note)
