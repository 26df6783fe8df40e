from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agentdeck.core.config.tasks import TaskEntry, find_cycle, mistakes

NAMES = ("a", "b", "c", "d", "e")


def entry(name: str, *after: str) -> TaskEntry:
    return TaskEntry(name=name, task="do it", after=list(after))


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES)), max_size=5))
def test_a_cycle_is_found_exactly_where_no_order_holds(after: dict[str, list[str]]) -> None:
    cycle = find_cycle(after)
    for name, earlier in zip(cycle, [*cycle[1:], *cycle[:1]], strict=True):
        assert earlier in after[name]
    waiting = {name: set(earlier) for name, earlier in after.items()}
    while ready := {name for name, earlier in waiting.items() if not earlier & waiting.keys()}:
        waiting = {name: earlier for name, earlier in waiting.items() if name not in ready}
    assert bool(cycle) == bool(waiting)


@pytest.mark.parametrize(
    ("tasks", "path", "words"),
    [
        ([entry("a"), entry("a")], ("task", 1, "name"), "the name of two tasks"),
        ([entry("Fix it"), entry("fix-it")], ("task", 1, "name"), "both be the agent “fix-it”"),
        ([entry("a"), entry("…")], ("task", 1, "name"), "no letter or digit"),
        ([entry("a", "b")], ("task", 0, "after", 0), "there is no such task"),
        ([entry("a"), entry("b", "a", "??")], ("task", 1, "after", 1), "there is no such task"),
        ([entry("a", "a")], ("task", 0, "after"), "“a” after “a”"),
        ([entry("x"), entry("a", "b"), entry("b", "x", "a")], ("task", 1, "after"), "wait for each other"),
    ],
)
def test_mistakes_among_tasks(tasks: list[TaskEntry], path: tuple[str | int, ...], words: str) -> None:
    found = mistakes(tasks)
    assert len(found) == 1
    assert found[0].path == path
    assert words in found[0].text


def test_names_are_compared_as_the_agents_names_they_become() -> None:
    assert mistakes([entry("Write the Parser"), entry("docs", "write-the-parser")]) == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "needs “task”, “file” or “command”"),
        ({"task": "  "}, "needs “task”, “file” or “command”"),
        ({"task": "x", "file": "y"}, "both “task” and “file”"),
        ({"command": ["x"], "agent": "claude"}, "use one"),
        ({"task": "x", "timeout": "soon"}, "not a length of time"),
        ({"task": "x", "timeout": -1}, "greater than 0"),
        ({"task": "x", "afer": []}, "Extra inputs"),
        ({"task": "x", "command": "sh"}, "valid list"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TaskEntry.model_validate({"name": "a", **fields})


@pytest.mark.parametrize(("timeout", "seconds"), [("15m", 900), (30, 30), (1.5, 1.5)])
def test_a_time_out_is_seconds_or_words(timeout: object, seconds: float) -> None:
    assert TaskEntry.model_validate({"name": "a", "task": "x", "timeout": timeout}).timeout == seconds
