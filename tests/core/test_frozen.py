from __future__ import annotations

import copy
import dataclasses
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import pytest

import agentdeck
from agentdeck.core import frozen

OURS = "__frozen_about__"


class Place(NamedTuple):
    at: Any


class Kinds(NamedTuple):
    point: Any
    dot: Any
    loose: Any
    counter: Any


def kinds_of(dataclass: Any, field: Any) -> Kinds:
    """The same classes, made by one or the other."""

    class Point:
        kind: ClassVar[str] = "point"
        x: int
        y: int = 2
        tags: dict[str, Any] = field(default_factory=dict, repr=False)
        seen: str = field(default="", compare=False)

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("below 0")

    made = dataclass(frozen=True, slots=True)(Point)

    class Dot(made):  # type: ignore[misc, valid-type]
        colour: str = "red"
        y: int = 3

    class Loose:
        inner: Any = None
        more: list[Any] = field(default_factory=list)

    class Counter:
        count: int = 0
        twice: int = field(default=0, init=False)

        def __post_init__(self) -> None:
            self.twice = self.count * 2

    return Kinds(made, dataclass(frozen=True, slots=True)(Dot), dataclass(frozen=True)(Loose), dataclass(Counter))


STANDARD = kinds_of(dataclasses.dataclass, dataclasses.field)
KINDS = kinds_of(frozen.dataclass, frozen.field)


def mutate(kinds: Kinds, name: str) -> None:
    setattr(kinds.point(1), name, 5)


def erase(kinds: Kinds) -> None:
    point = kinds.point(1)
    del point.x


def grow(kinds: Kinds) -> str:
    counter = kinds.counter(2)
    counter.count = 5
    return repr(counter)


DEEDS: dict[str, Callable[[Kinds], Any]] = {
    "made": lambda kinds: repr(kinds.point(1, tags={"a": 1})),
    "made by name": lambda kinds: repr(kinds.dot(x=1, seen="once")),
    "own defaults": lambda kinds: kinds.point(1).tags is not kinds.point(1).tags,
    "too few": lambda kinds: kinds.point(),
    "too many": lambda kinds: kinds.point(1, 2, {}, "", 5),
    "unknown": lambda kinds: kinds.point(1, z=3),
    "refused after": lambda kinds: kinds.point(-1),
    "equal": lambda kinds: kinds.point(1) == kinds.point(1, seen="other"),
    "not equal": lambda kinds: (kinds.point(1) == kinds.point(2), kinds.point(1) != kinds.point(2)),
    "not the same class": lambda kinds: (kinds.point(1, 3) == kinds.dot(1, 3), kinds.point(1) == 1),
    "hash": lambda kinds: hash(kinds.loose(1, (2,))) == hash(kinds.loose(1, (2,))),
    "no hash of what is in it": lambda kinds: hash(kinds.point(1)),
    "no hash": lambda kinds: hash(kinds.counter()),
    "set": lambda kinds: mutate(kinds, "x"),
    "set what is none": lambda kinds: setattr(kinds.loose(), "z", 1),
    "deleted": erase,
    "changed": grow,
    "slots": lambda kinds: (hasattr(kinds.dot(1), "__dict__"), hasattr(kinds.loose(1), "__dict__")),
    "copied": lambda kinds: copy.deepcopy(kinds.dot(1, 2, {"a": [1]})) == kinds.dot(1, 2, {"a": [1]}),
    "matched": lambda kinds: kinds.point.__match_args__,
    "class variable": lambda kinds: (kinds.point.kind, kinds.dot(1).kind),
    "fields": lambda kinds: [each.name for each in dataclasses.fields(kinds.dot)],
    "replaced": lambda kinds: repr(dataclasses.replace(kinds.dot(1), y=7)),
    "as a dictionary": lambda kinds: dataclasses.asdict(kinds.loose(kinds.dot(1), [Place((1, kinds.counter(3)))])),
    "is one": lambda kinds: [dataclasses.is_dataclass(kinds.dot), dataclasses.is_dataclass(kinds.dot(1))],
}


def outcome(deed: Callable[[Kinds], Any], kinds: Kinds) -> object:
    try:
        return deed(kinds)
    except Exception as error:  # noqa: BLE001 - which one it is, is the outcome
        return type(error)


@pytest.mark.parametrize("name", DEEDS)
def test_a_class_does_what_one_of_the_standard_library_does(name: str) -> None:
    assert outcome(DEEDS[name], KINDS) == outcome(DEEDS[name], STANDARD)


def test_its_own_functions_say_what_those_of_the_standard_library_say() -> None:
    value = KINDS.loose(KINDS.dot(1, tags={"a": [KINDS.counter(2)]}), [Place((1,)), {"b": (KINDS.point(1),)}])
    assert frozen.asdict(value) == dataclasses.asdict(value)
    assert [each.name for each in frozen.fields(KINDS.dot)] == [each.name for each in dataclasses.fields(KINDS.dot)]
    assert frozen.replace(KINDS.dot(1), y=7) == dataclasses.replace(KINDS.dot(1), y=7)
    assert not frozen.is_dataclass(Place)


def test_every_class_of_the_program_can_be_made() -> None:
    """Its `__init__` is compiled for the first instance only, so a mistake in its fields would be found late."""
    count = 0
    for module in pkgutil.walk_packages(agentdeck.__path__, "agentdeck."):
        if module.name.startswith(("agentdeck.mcp", "agentdeck.demo")) or module.name.endswith("__main__"):
            continue
        for each in vars(importlib.import_module(module.name)).values():
            if isinstance(each, type) and each.__module__ == module.name and OURS in vars(each):
                vars(each)[OURS].compiled_init()
                assert dataclasses.fields(each) is not None
                count += 1
    assert count > 250


def test_it_loads_no_inspect() -> None:
    line = "import sys; from agentdeck.core.agents import agent; sys.exit('inspect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line], check=False).returncode == 0
