"""`deck.tasks`: files of tasks that are worked off without a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.api.current import Current
from agentdeck.engine.views import QueuedTask, TaskEnd
from agentdeck.engine.views.tasks import TaskList
from agentdeck.engine.world import Note, silent
from agentdeck.errors import UnreachableError

_AGAIN = 5.0
"""Seconds between two tries to reach the server of the queue."""

Many = Callable[[Sequence[QueuedTask], int, Note], list[TaskEnd]]


class DeckTasks:
    """`start_many` is Deck's."""

    def __init__(self, current: Current, start_many: Many) -> None:
        self._current, self._start_many = current, start_many

    def detach(self, tasks: Sequence[QueuedTask], jobs: int) -> TaskList:
        """Let a window of its own start the tasks as `Deck.start_many` does. It outlives this terminal; where it is
        killed, or the machine restarts, the next verb opens it again."""
        from agentdeck.engine.lifecycle import task_lists

        world = self._current.trusted()
        world.store.open()
        return task_lists.add(world, tasks, jobs)

    def all(self) -> list[TaskList]:
        """Every list that is still known, oldest first."""
        from agentdeck.engine.lifecycle import task_lists

        return task_lists.lists(self._current.store)

    def work(self, name: str, note: Note = silent) -> list[TaskEnd]:
        """Work on the list until all of it has ended; return how. Raise BusyError where somebody does already."""
        from agentdeck.engine.lifecycle import task_lists

        store = self._current.store
        found = task_lists.get(store, name)

        def told(event: Event) -> None:
            task_lists.keep(store, name, event)
            note(event)

        with task_lists.working_on(store, name):
            tasks = task_lists.tasks_of(store, name)
            while True:
                try:
                    ends = self._start_many(tasks, found.jobs, told)
                    break
                except UnreachableError as error:  # the server of the queue: nobody is here who could try again
                    note(Event(EventKind.WARNING, "", f"{name} waits: {error.title}"))
                    time.sleep(_AGAIN)
            task_lists.finish(store, name)
        return ends

    def cancel(self, name: str) -> TaskList:
        """Start no more of its tasks. Agents that run go on."""
        from agentdeck.engine.lifecycle import task_lists

        return task_lists.cancel(self._current.world, name)
