"""Where the tasks of `run -f` are worked off: by this process, or by an engine that `[fleet] queue` names.

An engine is one class, made with a Batch, and found by the scheme of its address: those below, and entry points
`agentdeck.queues` of other packages. It is imported only when it is configured.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Protocol

from agentdeck.engine.batch import Batch
from agentdeck.engine.task_queue import TaskQueue
from agentdeck.engine.views import TaskEnd
from agentdeck.errors import ConfigError, MissingToolError

GROUP = "agentdeck.queues"
_OWN = {"temporal": ("agentdeck.engine.temporal.queue", "TemporalQueue")}


class Queue(Protocol):
    def run(self) -> list[TaskEnd]:
        """Start every task once, when those that it comes after are done and there is a place; return what became of
        each, in the tasks' order. It starts them with an id, so that a start which is tried again starts nothing."""


def queue(batch: Batch) -> Queue:
    """The configured one. Raise ConfigError for one that nobody knows, MissingToolError where its package is not
    installed."""
    url = batch.world.safe_settings.config.fleet.queue
    found: Queue = _engine(url)(batch) if url else TaskQueue(batch)
    return found


@contextmanager
def needing_package(extra: str) -> Iterator[None]:
    """Raise MissingToolError where an import in it fails because this extra is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingToolError(
            f"The queue {extra} needs the package {error.name}.", hint=f"pip install 'agentdeck[{extra}]'"
        ) from error


def _engine(url: str) -> Any:
    scheme = url.partition(":")[0]
    if scheme in _OWN:
        module, name = _OWN[scheme]
        with needing_package(scheme):
            return getattr(import_module(module), name)
    if found := [*entry_points(group=GROUP, name=scheme)]:
        return found[0].load()
    raise ConfigError(f"Nothing here is a queue called “{scheme[:40]}”.", hint="See [fleet] queue.")
