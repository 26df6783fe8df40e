"""Many tasks: they start as the machine has room and their order allows, and the rest wait.

The order is that of the file. A task whose predecessors are not done yet lets later ones pass; one of whose
predecessors failed is skipped, and so is all that comes after it. Several start at once, one a processor.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import dataclass, field, replace
from agentdeck.engine import roster
from agentdeck.engine.batch import Batch
from agentdeck.engine.views import AgentView, QueuedTask, TaskEnd
from agentdeck.errors import BusyError, DeckError, UnreachableError
from agentdeck.system.files.watch import ticks

_MOST_STARTS = 8
"""At once, on a machine with many processors: git's and tmux's locks would only make more wait."""
_LOOK_EVERY, _LOOK_EACH = 1.0, 0.05
"""Seconds between two looks that nothing gave a reason for: at least, and for every place."""
_AGAIN = 20.0
"""Seconds after which a start is tried again that no host could have, or whose host did not answer."""


@dataclass
class TaskQueue:
    batch: Batch
    running: dict[str, str] = field(default_factory=dict)
    """Task to agent, for what has started and not ended."""
    ended: dict[str, TaskEnd] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    starting: dict[Future[AgentView], QueuedTask] = field(default_factory=dict)
    again: dict[str, float] = field(default_factory=dict)
    """When the start of a task is to be tried again, on the monotonic clock."""
    _telling: threading.Lock = field(default_factory=threading.Lock)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> list[TaskEnd]:
        """Return what became of every task, in the tasks' order."""
        with ThreadPoolExecutor(_starts_at_once()) as pool:
            try:
                # The end of a run is written into a file of this folder; a runner that was killed writes nothing.
                for _ in ticks(self.batch.world.store.open().folder, every=max(_LOOK_EVERY, _LOOK_EACH * self._places)):
                    self._collect()
                    self._start_all(pool)
                    if len(self.ended) == len(self.batch.tasks):
                        break
            except BaseException:
                self._is_over.set()  # a start that is under way is taken back
                raise
        return [self.ended[task.name] for task in self.batch.tasks]

    def _start_all(self, pool: ThreadPoolExecutor) -> None:
        """Start what may start, until all that began has started and nothing else may."""
        while True:
            while self._start_next(pool):
                pass
            if not self.starting:
                return
            done = wait(self.starting, timeout=_LOOK_EVERY, return_when=FIRST_COMPLETED).done
            for future in done:
                self._started(self.starting.pop(future), future)
            if not done:
                self._collect()

    def _say(self, event: Event) -> None:
        with self._telling:
            self.batch.note(event)

    def _collect(self) -> None:
        self.batch.repair(self._say)
        views = {view.name: view for view in roster.agents(self.batch.world)}
        for task, name in list(self.running.items()):
            view = views.get(name)
            if view is None:
                self._end(task, TaskEnd(), f"{name} was removed")
            elif not view.state.is_live:
                self._end(task, TaskEnd(view), f"{view.state}: {view.reason}" if view.reason else str(view.state))

    def _end(self, task: str, end: TaskEnd, text: str) -> None:
        name = self.running.pop(task, task)
        self.ended[task] = end
        self._say(Event(EventKind.RUN_ENDED if end.view else EventKind.RUN_SKIPPED, name, text, {"task": task}))

    def _start_next(self, pool: ThreadPoolExecutor) -> bool:
        """Start the first task that may; say whether something changed, so that there may be more to do."""
        if len(self.starting) >= _starts_at_once():
            return False
        begun = {task.name for task in self.starting.values()}
        for task in self.batch.tasks:
            if task.name in self.running or task.name in self.ended or task.name in begun:
                continue
            failed = [name for name in task.after if name in self.ended and not self._went_well(name)]
            if failed:
                self._end(task.name, TaskEnd(), f"skipped, because {', '.join(failed)} did not finish")
                return True
            missing = [name for name in task.after if name not in self.ended]
            if self.again.get(task.name, 0.0) > time.monotonic():
                continue
            obstacle = f"waits for {', '.join(missing)}" if missing else self._obstacle(task)
            if obstacle:
                self._tell(task, obstacle)
                continue
            request = replace(task.request, cancelled=self._is_over.is_set)
            self.starting[pool.submit(self.batch.start, request, self._say)] = task
            return True
        return False

    def _went_well(self, task: str) -> bool:
        view = self.ended[task].view
        return view is not None and view.state in (State.DONE, State.LANDED)

    @property
    def _places(self) -> int:
        """How many may run at once."""
        return self.batch.jobs or self.batch.world.safe_settings.config.queue.jobs or os.cpu_count() or 1

    def _obstacle(self, task: QueuedTask) -> str:
        """Why the task may not start now; empty when it may: it then waits for room on its machine as all agents do.
        Where nobody has set how many may run in all, each host has as many as this machine."""
        in_all = bool(self.batch.jobs or self.batch.world.safe_settings.config.queue.jobs)
        begun = self.running.keys() | {each.name for each in self.starting.values()}
        busy = sum(each.name in begun and (in_all or each.request.on == task.request.on) for each in self.batch.tasks)
        return "waits for a free slot" if busy >= self._places else ""

    def _tell(self, task: QueuedTask, text: str) -> None:
        if self.told.get(task.name) != text:
            self.told[task.name] = text
            self._say(Event(EventKind.RUN_QUEUED, task.name, text, {"task": task.name}))

    def _started(self, task: QueuedTask, future: Future[AgentView]) -> None:
        try:
            view = future.result()
        except DeckError as error:
            if task.request.on and task.request.id and isinstance(error, UnreachableError | BusyError):
                self.again[task.name] = time.monotonic() + _AGAIN
                self._tell(task, f"waits: {error.title}")
            else:
                self._end(task.name, TaskEnd(error=error), str(error))
            return
        if not view.state.is_live:  # it was the first start under its id, and may be removed by now
            self._end(task.name, TaskEnd(view), str(view.state))
            return
        self.running[task.name] = view.name
        self._say(Event(EventKind.RUN_STARTED, view.name, f"{task.name} started", {"task": task.name}))


def _starts_at_once() -> int:
    return min(os.cpu_count() or 1, _MOST_STARTS)
