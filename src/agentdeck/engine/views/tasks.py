"""Lists of tasks that are worked off without a terminal, as the faces see them."""

from __future__ import annotations

from collections import Counter

from agentdeck.core.frozen import dataclass
from agentdeck.core.question import Question


@dataclass(frozen=True, slots=True)
class TaskState:
    name: str
    state: str = ""
    """`queued`, `started`, `ended` or `skipped`; empty before it was looked at."""
    agent: str = ""
    text: str = ""
    """How its agent ended, or what it waits for, or why it did not start."""
    at: float = 0.0
    """Since when, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class TaskList:
    id: str
    created: float
    jobs: int
    tasks: tuple[TaskState, ...]
    over: float = 0.0
    """When nothing more was to be done; 0 before that."""
    is_running: bool = False

    @property
    def summary(self) -> str:
        """How many of its tasks stand how: `5 done, 1 failed`."""
        words = Counter(_word(task) for task in self.tasks)
        return ", ".join(f"{count} {word}" for word, count in words.items())


def _word(task: TaskState) -> str:
    if task.state == "ended":
        return task.text.partition(":")[0]
    return {"started": "running", "skipped": "not started"}.get(task.state, "waiting")


@dataclass(frozen=True, slots=True)
class BatchQuestion:
    """An agent of a batch that a queue's server follows, and what it asks."""

    batch: str
    agent: str
    question: Question | None
