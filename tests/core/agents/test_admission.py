from __future__ import annotations

from dataclasses import replace

import pytest

from agentdeck.core.agents.admission import Admission, Lack, Room, holds_back, shortage

_GB = 1 << 30
RULES = Admission("/queue", agents=2, max_load=3, min_free=2 * _GB, min_disk=_GB)
ROOM = Room(1.0, 8 * _GB, 8 * _GB)


@pytest.mark.parametrize(
    ("room", "working", "fresh", "text"),
    [
        (ROOM, 1, 0, ""),
        (ROOM, 2, 0, "waits for a place: 2 of 2 agents work"),
        (replace(ROOM, memory=int(1.2 * _GB)), 1, 0, "waits for memory: 1.2 GB free, needs 2.0"),
        (replace(ROOM, memory=3 * _GB), 1, 0, ""),
        (replace(ROOM, memory=3 * _GB), 1, 1, "waits for memory: 3.0 GB free, needs 4.0"),
        (replace(ROOM, load=3.25), 1, 0, "waits for the processors: load 3.2 each, at most 3"),
        (replace(ROOM, disk=_GB // 4), 0, 0, "waits for disk space: 0.2 GB free, needs 1.0"),
        (Room(99, 0, _GB), 0, 0, ""),  # the first one
    ],
)
def test_what_an_agent_waits_for(room: Room, working: int, fresh: int, text: str) -> None:
    found = shortage(RULES, room, working, fresh)
    assert (found.text if found else "") == text


def test_a_child_needs_no_place_of_its_own() -> None:
    child = replace(RULES, is_child=True)
    assert shortage(child, ROOM, 2, 0) is None
    assert not holds_back(child, [Lack.PLACE]) and holds_back(RULES, [Lack.PLACE])
    assert holds_back(child, [Lack.MEMORY])


def test_what_only_one_repository_lacks_holds_back_no_other() -> None:
    assert not holds_back(RULES, [Lack.BUDGET, Lack.DISK])
    assert holds_back(RULES, [Lack.BUDGET, Lack.TURN])


def test_no_limits() -> None:
    assert shortage(Admission("/queue"), Room(99, 0, 0), 99, 99) is None
