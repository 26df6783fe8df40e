"""A suite of benchmark tasks (`agentdeck bench suite.toml`) as a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from agentdeck.core.agents.agent import safe_name
from agentdeck.core.config.section import Seconds, Section
from agentdeck.core.config.tasks import Mistake, seconds_of_text
from agentdeck.errors import DeckError


class SuiteTask(Section):
    """One `[[task]]`: what an agent is told, where it begins, and how its work is checked when it has ended."""

    name: str
    commit: str
    """A commit or tag of this repository."""
    task: str = ""
    file: str = ""
    """A file with the task's text, relative to the suite."""
    checks: str = ""
    """A folder, relative to the suite, whose files are copied over the work before it is checked. No agent sees it."""
    check: Annotated[list[str], Field(min_length=1)]
    """Shell lines that must exit with 0 on the work."""
    timeout: Annotated[Seconds, BeforeValidator(seconds_of_text)] = 1800.0
    """Seconds, or text such as `15m`; an agent that takes longer has failed."""

    @model_validator(mode="after")
    def _one_subject(self) -> SuiteTask:
        if bool(self.task.strip()) == bool(self.file):
            raise ValueError("needs either “task” or “file”")
        return self


class Suite(Section):
    agent: str = ""
    """The profile; empty: the configured one."""
    tier: str = ""
    """The tier whose work these tasks are like, which the proposal is for; empty: the first that is tried."""
    task: Annotated[list[SuiteTask], Field(min_length=1)]


def mistakes(tasks: Sequence[SuiteTask]) -> list[Mistake]:
    """Names that are no names or are used twice."""
    found, seen = [], set[str]()
    for number, task in enumerate(tasks):
        try:
            name = safe_name(task.name)
        except DeckError as error:
            found.append(Mistake(("task", number, "name"), error.title.rstrip(".")))
            continue
        if name in seen:
            found.append(Mistake(("task", number, "name"), f"“{task.name}” is the name of two tasks"))
        seen.add(name)
    return found
