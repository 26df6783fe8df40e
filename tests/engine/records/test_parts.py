"""Parts of steps, and what their files may hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import State, Status
from agentdeck.engine.records.parts import (
    AgentStanding,
    BaseMove,
    BranchBack,
    BranchGone,
    ChangeBack,
    ChangeGone,
    DatabaseGone,
    LandedAgent,
    Part,
    RecordBack,
    RecordGone,
    Removal,
    Restoration,
    Unreadable,
    WorkCommit,
    doubt_of_part,
    part_of,
    part_to_json,
    undoing,
)

_DONE = AgentStanding(Status(State.DONE, 1.5, exit_code=0), None)
_LANDED = AgentStanding(Status(State.LANDED, 2.5, "on main as 1234567890"), ("a" * 40, "b" * 40))
PARTS: list[Part] = [
    Removal("fix", "20260101T000000"),
    Restoration("fix"),
    BaseMove("main", "a" * 40, "b" * 40, (LandedAgent("fix", _DONE, _LANDED),)),
    WorkCommit("fix", "agentdeck/fix", "a" * 40, "", "refs/agentdeck/trash/fix/commit-1", ""),
    BranchGone("x", "a" * 40, "refs/agentdeck/trash/branches/1", (("remote", "origin"),)),
    BranchBack("x", "a" * 40, "refs/agentdeck/trash/branches/1"),
    RecordGone("x", "1", "refs/agentdeck/trash/records/x-1", "/tmp/x", "topic"),
    RecordBack("x", "1", "refs/agentdeck/trash/records/x-1", "/tmp/x", ""),
    DatabaseGone("fix", {"engine": "sqlite", "path": "/tmp/x"}, ""),
    ChangeGone("fix", "src/app.py", "17"),
    ChangeBack("fix", "src/app.py", "17"),
    Unreadable({"kind": "of tomorrow", "what": [1]}),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = sorted({key for part in PARTS[:-1] for key in part_to_json(part)})


def test_every_kind_is_tried_here() -> None:
    assert {type(part) for part in PARTS} == set(get_args(Part))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.kind)
def test_a_part_survives_its_file(part: Part) -> None:
    told = json.loads(json.dumps(part_to_json(part)))
    assert part_of(told) == part
    assert next(iter(told)) == "kind"
    assert told["kind"] == part.kind
    assert undoing(part)
    assert bool(doubt_of_part(part)) == isinstance(part, Unreadable)


@given(kind=st.sampled_from([*(part.kind for part in PARTS), "x"]), data=st.dictionaries(st.sampled_from(KEYS), JSON))
def test_what_a_file_holds_is_a_part_or_is_kept_as_it_is(kind: str, data: dict[str, Any]) -> None:
    told = {**data, "kind": kind}
    part = part_of(told)
    assert undoing(part)
    if isinstance(part, Unreadable):
        assert part_to_json(part) is told
        assert doubt_of_part(part)


@given(JSON)
def test_what_is_no_part_at_all_is_kept_as_it_is(data: Any) -> None:
    assert part_to_json(part_of(data)) == data


def test_the_page_names_every_kind() -> None:
    page = (Path(__file__).parents[3] / "docs" / "json.md").read_text("utf-8")
    (row,) = re.findall(r"^\| `parts` \|(.*)", page, re.MULTILINE)
    assert set(re.findall(r"`([a-z ]+)`", row)) - {"kind"} == {part.kind for part in PARTS} - {"of tomorrow"}
