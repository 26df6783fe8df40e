"""Read a file of tasks, and the files that it names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.errors import ConfigError, NotFoundError
from agentdeck.system.config.tomlfile import Problem, TomlFile, config_error, parse_toml, problems_of, read_toml
from agentdeck.system.files.files import home_path

if TYPE_CHECKING:
    from agentdeck.core.config.tasks import TaskEntry


def load_tasks(path: Path) -> list[TaskEntry]:
    """The tasks of the file at `path`, or of standard input for `-`, the text of each in `task`.

    Raise ConfigError, which names every mistake by file, line and key, and NotFoundError without the file.
    """
    from pydantic import ValidationError

    from agentdeck.core.config.tasks import TaskFile, mistakes

    is_piped = path == Path("-")
    file = parse_toml(sys.stdin.buffer.read(), "standard input") if is_piped else read_toml(path, str(path))
    if file is None:
        raise NotFoundError(f"There is no file {path}.")
    try:
        tasks = TaskFile.model_validate(file.data).task
    except ValidationError as error:
        raise config_error(problems_of(error, TaskFile, file.data, file.place), file.shown) from error
    if found := mistakes(tasks):
        raise config_error([Problem(file.place(each.path), each.text) for each in found], file.shown)
    return [_with_text(task, path.parent, file, number) for number, task in enumerate(tasks)]


def _with_text(task: TaskEntry, folder: Path, file: TomlFile, number: int) -> TaskEntry:
    if not task.file:
        return task
    place = file.place(("task", number, "file"))
    text = task_text(folder / home_path(task.file), place, f"the task's file {task.file}")
    return task.model_copy(update={"task": text})


def task_text(path: Path, place: str, what: str) -> str:
    """The text of a task in a file of its own, which is named at `place`. Raise ConfigError without one."""
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"{place}: {what} can't be read.", detail=reason) from error
    if not text:
        raise ConfigError(f"{place}: {what} is empty.")
    return text
