"""A file of tasks (`agentdeck run -f tasks.toml`) as models, and the rules that one task alone can't break."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from agentdeck.core.agents.agent import safe_name
from agentdeck.core.config.section import Seconds, Section
from agentdeck.core.config.tomllines import TomlPath
from agentdeck.core.fleet.orders import check_if_lost
from agentdeck.core.frozen import dataclass
from agentdeck.core.text.durations import parse_duration
from agentdeck.core.text.text import parse_size
from agentdeck.errors import DeckError


def seconds_of_text(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


def bytes_of_text(value: Any) -> Any:
    return parse_size(value) if isinstance(value, str) else value


class TaskNeeds(Section):
    """What a host must have for a task with `on = "any"`."""

    cpu: float = Field(default=0.0, ge=0)
    """Idle cores."""
    memory: Annotated[int, BeforeValidator(bytes_of_text)] = Field(default=0, ge=0)
    """Free bytes, or text such as `8G`."""
    gpu: int = Field(default=0, ge=0)
    """Free GPUs."""
    labels: list[str] = Field(default=[])


class TaskEntry(Section):
    """One `[[task]]`. It says what to do with `task`, `file` or `command`; all else is as on the command line."""

    name: str
    task: str = ""
    file: str = ""
    """A file with the task's text, relative to the file of tasks."""
    command: list[str] = Field(default=[])
    agent: str | None = None
    after: list[str] = Field(default=[])
    """Names of the tasks that must be done before this one starts."""
    branch: str | None = None
    base: str | None = None
    tier: str | None = None
    model: str | None = None
    permission: Literal["ask", "edit", "all"] | None = None
    box: Literal["off", "files", "full"] | None = None
    timeout: Annotated[Seconds | None, BeforeValidator(seconds_of_text)] = None
    """Seconds, or text such as `15m`."""
    env: dict[str, str] = Field(default={})
    id: str | None = None
    on: str = ""
    """The host to start it on, or `any`."""
    needs: TaskNeeds | None = None
    if_lost: str = "wait"
    """Where its host does not answer: `wait`, `fail after 30m`, or `restart after 10m`, on another host."""

    @model_validator(mode="after")
    def _one_subject(self) -> TaskEntry:
        if self.task and self.file:
            raise ValueError("has both “task” and “file”; use one")
        if not (self.task.strip() or self.file or self.command):
            raise ValueError("needs “task”, “file” or “command”")
        if self.needs is not None and self.on not in ("", "any"):
            raise ValueError('has “needs” and names a host; use on = "any"')
        check_if_lost(self.if_lost)
        if self.command and self.agent:
            raise ValueError("has both “command” and “agent”; use one")
        return self


class TaskFile(Section):
    task: Annotated[list[TaskEntry], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong among several tasks, at `path` in their file."""

    path: TomlPath
    text: str


def mistakes(tasks: Sequence[TaskEntry]) -> list[Mistake]:
    """Names that are no names or are used twice, `after` that names no task, and tasks that wait for each other."""
    found = list(_name_mistakes(tasks))
    if found:
        return found
    known = {safe_name(task.name) for task in tasks}
    for number, task in enumerate(tasks):
        for index, name in enumerate(task.after):
            if not _is_known(name, known):
                path = ("task", number, "after", index)
                found.append(Mistake(path, f"“{task.name}” comes after “{name}”, but there is no such task"))
    if found:
        return found
    order = [safe_name(task.name) for task in tasks]
    circle = find_cycle({safe_name(task.name): [safe_name(name) for name in task.after] for task in tasks})
    if circle:
        first = min(range(len(circle)), key=lambda at: order.index(circle[at]))
        circle = circle[first:] + circle[:first]
        chain = " after ".join(f"“{name}”" for name in [*circle, circle[0]])
        return [Mistake(("task", order.index(circle[0]), "after"), f"these tasks wait for each other: {chain}")]
    return []


def _name_mistakes(tasks: Sequence[TaskEntry]) -> Iterator[Mistake]:
    seen: dict[str, str] = {}
    for number, task in enumerate(tasks):
        path = ("task", number, "name")
        try:
            name = safe_name(task.name)
        except DeckError as error:
            yield Mistake(path, error.title.rstrip("."))
            continue
        if seen.get(name) == task.name:
            yield Mistake(path, f"“{task.name}” is the name of two tasks")
        elif name in seen:
            yield Mistake(path, f"“{task.name}” and “{seen[name]}” would both be the agent “{name}”")
        seen.setdefault(name, task.name)


def _is_known(name: str, known: set[str]) -> bool:
    try:
        return safe_name(name) in known
    except DeckError:
        return False


def find_cycle(after: Mapping[str, Sequence[str]]) -> list[str]:
    """Tasks of which each waits for the next, and the last for the first; [] where the order can hold."""
    sorter = TopologicalSorter(after)
    try:
        sorter.prepare()
    except CycleError as error:
        # graphlib lists predecessors first, with the first one again at the end.
        return list(reversed(error.args[1]))[1:]
    return []
