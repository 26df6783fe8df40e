"""Where the tasks of `run -f` are worked off: by this process, or by an engine that `[fleet] queue` names.

An engine is one class with the constructor of TaskQueue and its `run`, found by the scheme of its address: those below,
and entry points `agentdeck.queues` of other packages. It is imported only when it is configured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Protocol

from agentdeck.engine.task_queue import TaskQueue
from agentdeck.engine.views import AgentView, QueuedTask, StartRequest, TaskEnd
from agentdeck.engine.world import Note, World
from agentdeck.errors import ConfigError, MissingToolError

GROUP = "agentdeck.queues"
_OWN = {"temporal": ("agentdeck.engine.temporal_queue", "TemporalQueue")}


class Queue(Protocol):
    def run(self) -> list[TaskEnd]:
        """Start every task once, when those that it comes after are done and there is a place; return what became of
        each, in the tasks' order. It starts them with an id, so that a start which is tried again starts nothing."""


def queue(
    world: World,
    start: Callable[[StartRequest, Note], AgentView],
    repair: Callable[[Note], None],
    tasks: Sequence[QueuedTask],
    jobs: int,
    note: Note,
) -> Queue:
    """The configured one. Raise ConfigError for one that nobody knows, MissingToolError where its package is not
    installed."""
    url = world.safe_settings.config.fleet.queue
    made = _engine(url) if url else TaskQueue
    found: Queue = made(world, start, repair, tasks, jobs, note)
    return found


def _engine(url: str) -> Any:
    scheme = url.partition(":")[0]
    if scheme in _OWN:
        module, name = _OWN[scheme]
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            raise MissingToolError(
                f"The queue {scheme} needs the package {error.name}.", hint=f"pip install 'agentdeck[{scheme}]'"
            ) from error
    if found := [*entry_points(group=GROUP, name=scheme)]:
        return found[0].load()
    raise ConfigError(f"Nothing here is a queue called “{scheme[:40]}”.", hint="See [fleet] queue.")
