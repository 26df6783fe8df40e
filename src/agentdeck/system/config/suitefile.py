"""Read a suite of benchmark tasks, and the files that it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.errors import ConfigError, NotFoundError
from agentdeck.system.config.taskfile import task_text
from agentdeck.system.config.tomlfile import Problem, config_error, problems_of, read_toml

if TYPE_CHECKING:
    from agentdeck.core.config.suite import Suite


def load_suite(path: Path) -> Suite:
    """The suite, with the text of each task in `task`, and its folder of checks as an absolute path.

    Raise ConfigError, which names every mistake by file, line and key, and NotFoundError without the file.
    """
    from pydantic import ValidationError

    from agentdeck.core.config.suite import Suite, mistakes

    file = read_toml(path, str(path))
    if file is None:
        raise NotFoundError(f"There is no file {path}.")
    try:
        suite = Suite.model_validate(file.data)
    except ValidationError as error:
        raise config_error(problems_of(error, Suite, file.data, file.place), file.shown) from error
    if found := mistakes(suite.task):
        raise config_error([Problem(file.place(each.path), each.text) for each in found], file.shown)
    tasks = []
    for number, task in enumerate(suite.task):
        changed = {}
        if task.file:
            there = path.parent / task.file
            changed["task"] = task_text(there, file.place(("task", number, "file")), str(there))
        if task.checks:
            folder = (path.parent / task.checks).resolve()
            if not folder.is_dir():
                raise ConfigError(f"{file.place(('task', number, 'checks'))}: there is no folder {task.checks}.")
            changed["checks"] = str(folder)
        tasks.append(task.model_copy(update=changed))
    return suite.model_copy(update={"task": tasks})
