"""Files of tasks that are worked off in a window of their own, so that no terminal has to stay open for them.

    tasks/ID.json    the tasks as they were given, and what became of each
    tasks/ID.lock    held by who works on them
    tasks/lock       held while one of these files is changed

Each task starts under an id of its own. So a window that was killed is opened again, and nothing starts twice.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.engine.environment import clean_environment
from agentdeck.engine.views import QueuedTask
from agentdeck.engine.views.starts import request_from_json, request_to_json
from agentdeck.engine.views.tasks import TaskList, TaskState
from agentdeck.engine.world import Note, World
from agentdeck.errors import NotFoundError
from agentdeck.system.files.files import is_locked, locked, private_folder, read_json, write_json
from agentdeck.system.state.store import Store

_SESSION = "agentdeck-tasks"
"""The tmux session of the windows."""
_KEPT = 20
"""Lists that are over and still shown."""
_MOST_OPENED = 20
"""How often a window is opened for one list: after that, something there ends it each time."""
_TOLD = (EventKind.RUN_QUEUED, EventKind.RUN_STARTED, EventKind.RUN_ENDED, EventKind.RUN_SKIPPED)


def add(world: World, tasks: Sequence[QueuedTask], jobs: int) -> TaskList:
    """Write the tasks down and open a window that works on them."""
    name = write(world, tasks, jobs)
    _open_window(world, name)
    return get(world.store, name)


def write(world: World, tasks: Sequence[QueuedTask], jobs: int) -> str:
    """Write the tasks down; return the name of their list."""
    store, now = world.store, time.time()
    with _changing(store):
        number = max(map(_number, _paths(store)), default=0) + 1
        name = f"tasks-{number}"
        written = []
        for task in tasks:
            run_id = task.request.id or f"{world.deck} {name} {now} {task.name}"
            request = request_to_json(replace(task.request, id=run_id))
            written.append({"name": task.name, "after": list(task.after), "request": request})
        data = {"id": name, "created": now, "jobs": jobs, "tasks": written, "states": {}, "over": 0.0, "opened": 0}
        write_json(_path(store, name), data)
    return name


def lists(store: Store) -> list[TaskList]:
    """All that are known, oldest first."""
    found = []
    for path in _paths(store):
        with suppress(OSError, ValueError, TypeError, KeyError):
            found.append(_list_of(path, read_json(path)))
    return found


def get(store: Store, name: str) -> TaskList:
    """Raise NotFoundError without it."""
    if (path := _path(store, name)) not in _paths(store):
        raise NotFoundError(f"There is no list of tasks “{name}”.", hint="agentdeck queue")
    return _list_of(path, read_json(path))


def _list_of(path: Path, data: dict[str, Any]) -> TaskList:
    states = tuple(TaskState(each["name"], *data["states"].get(each["name"], ())) for each in data["tasks"])
    is_running = not data["over"] and is_locked(path.with_suffix(".lock"))
    return TaskList(data["id"], data["created"], data["jobs"], states, data["over"], is_running)


def tasks_of(store: Store, name: str) -> list[QueuedTask]:
    get(store, name)
    written = read_json(_path(store, name))["tasks"]
    return [QueuedTask(each["name"], request_from_json(each["request"]), tuple(each["after"])) for each in written]


def working_on(store: Store, name: str) -> AbstractContextManager[None]:
    """Held by who works on the list; raise BusyError where somebody does."""
    return locked(_path(store, name).with_suffix(".lock"), what=f"the list {name}")


def keep(store: Store, name: str, event: Event) -> None:
    """Write down what an event of the queue says of one of its tasks."""
    if event.kind in _TOLD:
        agent = event.agent if event.kind in (EventKind.RUN_STARTED, EventKind.RUN_ENDED) else ""
        state = [str(event.kind).partition(".")[2], agent, event.text, event.at]
        _change(store, name, lambda data: data["states"].update({event.data["task"]: state}))


def finish(store: Store, name: str, *, told: bool = False) -> None:
    """Nothing more is to be done of the list; unless `told`, the next verb says so."""
    _change(store, name, lambda data: data.update(over=data["over"] or time.time(), told=told))


def cancel(world: World, name: str) -> TaskList:
    """Start no more of its tasks. Agents that run go on."""
    get(world.store, name)
    finish(world.store, name, told=True)
    world.tmux.close_window(_SESSION, _window(world, name))
    return get(world.store, name)


def _open_window(world: World, name: str) -> None:
    _change(world.store, name, lambda data: data.update(opened=data["opened"] + 1))
    argv = [sys.executable, "-I", "-m", "agentdeck", "-C", str(world.root), "run", "--list", name]
    world.tmux.open_window(_SESSION, _window(world, name), argv, cwd=world.root, env=clean_environment())


def _window(world: World, name: str) -> str:
    return f"{world.deck} {name}"


def repair(world: World, note: Note) -> None:
    """Open the windows again that were killed, or that a restart of the machine ended; tell once which lists are over
    since nobody looked."""
    store = world.store
    for path in _paths(store):
        with suppress(OSError, ValueError, TypeError, KeyError):
            data = read_json(path)
            each = _list_of(path, data)
            if not each.over and not each.is_running:
                _work_again(world, each.id, data["opened"], note)
            elif each.over and not data.get("told", True):
                _change(store, each.id, lambda data: data.update(told=True))
                world.tmux.close_window(_SESSION, _window(world, each.id))
                text = f"{each.id} is over: {each.summary} (agentdeck queue)"
                note(Event(EventKind.RUN_ENDED, each.id, text, {"task": each.id}))
    for old in [each.id for each in lists(store) if each.over][:-_KEPT]:
        for path in (_path(store, old), _path(store, old).with_suffix(".lock")):
            path.unlink(missing_ok=True)


def _work_again(world: World, name: str, opened: int, note: Note) -> None:
    window = world.tmux.window(_SESSION, _window(world, name))
    if window is not None and not window.command_dead:
        return  # it has just begun
    if opened >= _MOST_OPENED:
        finish(world.store, name)
        return
    world.check_trust()
    _open_window(world, name)
    text = f"nobody was at {name} any more; a window works on it again"
    note(Event(EventKind.RUN_QUEUED, name, text, {"task": name}))


def _change(store: Store, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    with _changing(store):
        data: dict[str, Any] = read_json(_path(store, name))
        change(data)
        write_json(_path(store, name), data)


def _changing(store: Store) -> AbstractContextManager[None]:
    return locked(private_folder(_folder(store)) / "lock", wait=10, what="the lists of tasks")


def _folder(store: Store) -> Path:
    return store.folder / "tasks"


def _path(store: Store, name: str) -> Path:
    return _folder(store) / f"{name}.json"


def _paths(store: Store) -> list[Path]:
    return sorted(_folder(store).glob("tasks-*.json"), key=_number) if _folder(store).is_dir() else []


def _number(path: Path) -> int:
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0
