"""Many tasks: they start as the machine has room and their order allows, and the rest wait.

The order is that of the file. A task whose predecessors are not done yet lets later ones pass; one of whose
predecessors failed is skipped, and so is all that comes after it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine import roster
from agentdeck.engine.views import AgentView, QueuedTask, StartRequest, TaskEnd
from agentdeck.engine.world import Note, World
from agentdeck.errors import DeckError
from agentdeck.system.files.watch import ticks
from agentdeck.system.machine.capacity import shortage

_SETTLE = 1.0
"""Seconds after a start before the machine's load is trusted again."""
_LOOK_EVERY, _LOOK_EACH = 1.0, 0.05
"""Seconds between two looks that nothing gave a reason for: at least, and for every place."""


@dataclass
class TaskQueue:
    world: World
    start: Callable[[StartRequest, Note], AgentView]
    repair: Callable[[Note], None]
    tasks: Sequence[QueuedTask]
    jobs: int
    note: Note
    running: dict[str, str] = field(default_factory=dict)
    """Task to agent, for what has started and not ended."""
    ended: dict[str, TaskEnd] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    last_start: float = 0.0

    def run(self) -> list[TaskEnd]:
        """Return what became of every task, in the tasks' order."""
        # The end of a run is written into a file of this folder; a runner that was killed writes nothing.
        for _ in ticks(self.world.store.open().folder, every=max(_LOOK_EVERY, _LOOK_EACH * self._places)):
            self._collect()
            while self._start_next():
                pass
            if len(self.ended) == len(self.tasks):
                break
        return [self.ended[task.name] for task in self.tasks]

    def _collect(self) -> None:
        self.repair(self.note)
        views = {view.name: view for view in roster.agents(self.world)}
        for task, name in list(self.running.items()):
            view = views.get(name)
            if view is None:
                self._end(task, TaskEnd(), f"{name} was removed")
            elif not view.state.is_live:
                self._end(task, TaskEnd(view), f"{view.state}: {view.reason}" if view.reason else str(view.state))

    def _end(self, task: str, end: TaskEnd, text: str) -> None:
        name = self.running.pop(task, task)
        self.ended[task] = end
        self.note(Event(EventKind.RUN_ENDED if end.view else EventKind.RUN_SKIPPED, name, text, {"task": task}))

    def _start_next(self) -> bool:
        """Start the first task that may; say whether something changed, so that there may be more to do."""
        for task in self.tasks:
            if task.name in self.running or task.name in self.ended:
                continue
            failed = [name for name in task.after if name in self.ended and not self._went_well(name)]
            if failed:
                self._end(task.name, TaskEnd(), f"skipped, because {', '.join(failed)} did not finish")
                return True
            missing = [name for name in task.after if name not in self.ended]
            obstacle = f"waits for {', '.join(missing)}" if missing else self._obstacle()
            if obstacle:
                self._tell(task, obstacle)
                continue
            return self._start(task)
        return False

    def _went_well(self, task: str) -> bool:
        view = self.ended[task].view
        return view is not None and view.state in (State.DONE, State.LANDED)

    @property
    def _places(self) -> int:
        """How many may run at once."""
        return self.jobs or self.world.safe_settings.config.queue.jobs or os.cpu_count() or 1

    def _obstacle(self) -> str:
        """Why no further task may start now; empty when one may. The first one always may."""
        config = self.world.safe_settings.config.queue
        if len(self.running) >= self._places:
            return "waits for a free slot"
        if not self.running:
            return ""
        if time.monotonic() - self.last_start < _SETTLE:
            return ""
        return shortage(max_load=config.max_load, min_free=config.min_free_mb * 1024 * 1024)

    def _tell(self, task: QueuedTask, text: str) -> None:
        if self.told.get(task.name) != text:
            self.told[task.name] = text
            self.note(Event(EventKind.RUN_QUEUED, task.name, text, {"task": task.name}))

    def _start(self, task: QueuedTask) -> bool:
        try:
            view = self.start(task.request, self.note)
        except DeckError as error:
            self._end(task.name, TaskEnd(error=error), str(error))
            return True
        self.last_start = time.monotonic()
        self.running[task.name] = view.name
        self.note(Event(EventKind.RUN_STARTED, view.name, f"{task.name} started", {"task": task.name}))
        return True
