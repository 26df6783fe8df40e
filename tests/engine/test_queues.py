"""A queue of another package, which is the example for whoever writes the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.engine.views import QueuedTask, StartRequest
from tests.support.decks import Bench
from tests.support.packages import installed

EXAMPLE = '''\
"""One task after the other, in the opposite order."""

from agentdeck.core.frozen import replace
from agentdeck.engine.views import TaskEnd


class Backwards:
    def __init__(self, batch):
        """See agentdeck.engine.batch.Batch."""
        self._batch = batch

    def run(self):
        ends = {}
        for task in reversed(self._batch.tasks):
            request = replace(task.request, id=task.request.id or f"backwards {task.name}")
            ends[task.name] = TaskEnd(self._batch.start(request, self._batch.note))
        return [ends[task.name] for task in self._batch.tasks]
'''


def test_a_queue_of_another_package_works_off_the_tasks(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_point = "agentdeck.queues backwards = agentdeck_backwards:Backwards"
    installed(tmp_path, monkeypatch, "backwards", EXAMPLE, entry_point)
    bench.own('[fleet]\nqueue = "backwards:"\n')
    tasks = [QueuedTask(name, StartRequest(name=name, argv=("true",))) for name in ("one", "two")]
    told = list[str]()
    ends = bench.deck().start_many(tasks, 1, lambda event: told.append(event.agent))
    assert [end.view.name for end in ends if end.view] == ["one", "two"]
    assert list(dict.fromkeys(told)) == ["two", "one"]
