"""Files of tasks that are worked off in a window of their own: nothing starts twice, whatever ends the window."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event
from agentdeck.engine.lifecycle import task_lists
from agentdeck.engine.views import QueuedTask, StartRequest
from agentdeck.engine.views.tasks import TaskList
from tests.support.cli import agentdeck, objects
from tests.support.crash import crash
from tests.support.decks import Bench, world_of
from tests.support.hosts import Fleet
from tests.support.retry import eventually
from tests.support.share import steps

TASKS = """
[[task]]
name = "one"
command = ["sh", "-c", "exec sleep 600"]
on = "dev1"

[[task]]
name = "two"
command = ["sh", "-c", "echo two > two; git add two; git commit -qm two"]
on = "dev2"

[[task]]
name = "three"
command = ["true"]
after = ["two"]
"""


def found(bench: Bench) -> TaskList:
    (made,) = bench.deck().tasks.all()
    return made


def states(bench: Bench) -> dict[str, str]:
    return {task.name: task.state for task in found(bench).tasks}


def test_a_list_of_tasks_goes_on_where_its_window_was_killed_and_its_end_is_told_once(fleet: Fleet) -> None:
    bench, root = fleet.bench, fleet.bench.root
    fleet.add("dev2")
    away = fleet.break_off("dev2")
    bench.write("tasks.toml", TASKS)
    begun = agentdeck("run", "-f", "tasks.toml", "-d", "--json", cwd=root)
    assert objects(begun.stdout)[0]["id"] == "tasks-1", begun.stderr
    eventually(lambda: states(bench) == {"one": "started", "two": "queued", "three": "queued"})
    assert "waits: dev2 can't be reached" in next(task.text for task in found(bench).tasks if task.name == "two")
    assert len(fleet.runners("dev1")) == 1

    tmux = world_of(bench.deck()).tmux
    (window,) = [each for each in tmux.windows() if each.name.endswith("tasks-1")]
    os.kill(window.pid, signal.SIGKILL)
    eventually(lambda: not found(bench).is_running)
    assert not away.exists()
    fleet.reconnect("dev2")
    told: list[Event] = []
    bench.deck().repair(told.append)
    assert [event.text for event in told] == ["nobody was at tasks-1 any more; a window works on it again"]
    eventually(lambda: states(bench) == {"one": "started", "two": "ended", "three": "ended"}, 40)
    assert len(fleet.runners("dev1")) == 1
    assert bench.git("show", "agentdeck/two:two") == "two"

    bench.deck().stop("one")
    eventually(lambda: bool(found(bench).over))
    listed = agentdeck("queue", cwd=root)
    assert "tasks-1 is over: 1 stopped, 2 done" in listed.stderr
    assert "tasks-1" in listed.stdout and "three" in listed.stdout
    assert "tasks-1 is over" not in agentdeck("queue", cwd=root).stderr


@pytest.mark.slow
def test_whoever_works_on_a_list_is_killed_at_any_step_and_each_task_starts_once(fleet: Fleet, tmp_path: Path) -> None:
    bench, count = fleet.bench, tmp_path / "count"

    def begin() -> str:
        deck = bench.deck()
        deck.store.open()
        for view in deck.agents():
            deck.remove(view.name, stop=True)
        count.write_text("")
        tasks = []
        for name, on in (("here", ""), ("there", "dev1")):
            request = StartRequest(name=name, argv=("sh", "-c", f"echo {name} >> '{count}'"), on=on)
            tasks.append(QueuedTask(name, request))
        return task_lists.write(world_of(deck), tasks, 0)

    last = len(crash(bench.root, 0, "work-on-tasks", begin()))
    for at in steps(last, 90):
        name = begin()
        crash(bench.root, at, "work-on-tasks", name)
        bench.deck().repair()
        eventually(lambda: bench.deck().tasks.all()[-1].over, 60)
        assert sorted(count.read_text().split()) == ["here", "there"], at
        assert [task.text for task in bench.deck().tasks.all()[-1].tasks] == ["done", "done"], at


def test_a_list_that_is_dropped_starts_no_more(bench: Bench) -> None:
    bench.write("tasks.toml", '[[task]]\nname = "one"\ncommand = ["sleep", "600"]\n\n[[task]]\nname = "two"\n'
                'command = ["true"]\nafter = ["one"]\n')  # fmt: skip
    root = bench.root
    assert agentdeck("run", "-f", "tasks.toml", "-d", cwd=root).stdout == "tasks-1\n"
    eventually(lambda: states(bench) == {"one": "started", "two": "queued"})
    assert "Agents that run go on" in agentdeck("queue", "--drop", "tasks-1", cwd=root).stderr
    eventually(lambda: not found(bench).is_running)
    deck = bench.deck()
    deck.repair()
    assert deck.agent("one").state is State.WORKING
    deck.stop("one")
    assert states(bench) == {"one": "started", "two": "queued"} and found(bench).over
    assert agentdeck("run", "--list", "tasks-7", cwd=root).returncode == 3
    world = world_of(deck)
    assert task_lists.add(world, [], 0).id == "tasks-2"
