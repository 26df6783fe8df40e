"""Every event is of a kind that EventKind has, with the data that it says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.core.agents.events import Event, EventKind

SOURCES = sorted((Path(__file__).parents[3] / "src" / "agentdeck").rglob("*.py"))


def raised() -> Iterator[tuple[str, ast.Call]]:
    """Each place that makes an event."""
    for path in SOURCES:
        text = path.read_text("utf-8")
        if (path.name == "events.py" and path.parent.name == "agents") or "import Event" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Event" and node.args:
                yield f"{path.name}:{node.lineno}", node


def kind_of(call: ast.Call) -> EventKind | None:
    first = call.args[0]
    if isinstance(first, ast.Attribute) and isinstance(first.value, ast.Name) and first.value.id == "EventKind":
        return EventKind[first.attr]
    return None


def data_of(call: ast.Call) -> ast.expr | None:
    named = [word.value for word in call.keywords if word.arg == "data"]
    return named[0] if named else call.args[3] if len(call.args) > 3 else None


def test_no_event_is_made_with_a_word_of_its_own() -> None:
    calls = list(raised())
    assert len(calls) > 40
    assert [place for place, call in calls if isinstance(call.args[0], ast.Constant)] == []


def test_every_kind_is_made_somewhere() -> None:
    text = "".join(path.read_text("utf-8") for path in SOURCES if path.parts[-2:] != ("agents", "events.py"))
    assert [kind for kind in EventKind if f"EventKind.{kind.name}" not in text] == []


def test_an_event_carries_the_data_that_its_kind_says() -> None:
    for place, call in raised():
        kind, data = kind_of(call), data_of(call)
        if kind is None or kind is EventKind.WARNING:
            continue
        if data is None:
            assert check(kind, set()) is None, place
        elif isinstance(data, ast.Dict) and None not in data.keys:
            keys = {key.value for key in data.keys if isinstance(key, ast.Constant)}
            assert check(kind, {str(key) for key in keys}) is None, place


def check(kind: EventKind, keys: set[str]) -> str | None:
    """What is wrong with the keys of an event's data."""
    must, may = {key for key in kind.keys if not key.endswith("?")}, {key.rstrip("?") for key in kind.keys}
    return None if must <= keys <= may else f"{kind} has {sorted(keys)}"


def test_the_kind_of_another_version_stays_what_it_says() -> None:
    told = {"at": 1.0, "kind": "agent.promoted", "agent": "fix", "text": "x", "data": {"a": 1}}
    event = Event.from_json(told)
    assert event.to_json() == told
    assert event.kind == "agent.promoted"


@pytest.mark.parametrize("kind", EventKind)
def test_a_kind_survives_the_file(kind: EventKind) -> None:
    event = Event(kind, "fix", at=1.0)
    assert Event.from_json(event.to_json()) == event
