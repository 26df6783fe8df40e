from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from agentdeck.core.agents.admission import Admission, Lack
from agentdeck.core.agents.agent import State, Status
from agentdeck.system.files.files import write_json
from agentdeck.system.state.startqueue import Place, waiting
from tests.support.retry import eventually

Join = Callable[..., Place]


@pytest.fixture
def join(tmp_path: Path) -> Join:
    def joined(name: str, *, is_child: bool = False) -> Place:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        rules = Admission(str(tmp_path / "queue"), agents=1, is_child=is_child)
        set_state(folder, State.STARTING)
        return Place(rules, name, "deck", str(folder), str(tmp_path))

    return joined


def set_state(folder: Path, state: State) -> None:
    write_json(folder / "status.json", Status(state, 0.0).to_json())


def test_first_come_first_served(tmp_path: Path, join: Join) -> None:
    first, second, third = join("first"), join("second"), join("third")
    assert first.admit() is None
    assert [each.agent for each in waiting(tmp_path / "queue")] == ["second", "third"]
    found = third.admit()
    assert found is not None and found.lack is Lack.TURN and found.text.endswith("agents works (1 before it)")
    found = second.admit()
    assert found is not None and (found.lack, found.text) == (Lack.PLACE, "waits for a place: 1 of 1 agents works")
    first.leave()
    assert third.admit() is not None  # not its turn
    assert second.admit() is None
    assert third.admit() is not None
    assert third.admit(now=True) is None
    assert waiting(tmp_path / "queue") == []


def test_one_at_its_prompt_takes_no_place(tmp_path: Path, join: Join) -> None:
    first, second = join("first"), join("second")
    assert first.admit() is None
    assert second.admit() is not None
    set_state(tmp_path / "first", State.DONE)
    assert second.admit() is None


def test_a_child_passes_those_that_wait_for_a_place(join: Join) -> None:
    parent, other, child = join("parent"), join("other"), join("child", is_child=True)
    assert parent.admit() is None
    assert other.admit() is not None
    assert child.admit() is None


@pytest.mark.parametrize("admitted", [True, False])
def test_the_place_of_one_that_was_killed_is_free(tmp_path: Path, join: Join, admitted: bool) -> None:
    if not (killed := os.fork()):
        place = join("killed")
        if admitted:
            place.admit()
        (tmp_path / "ready").touch()
        signal.pause()
    eventually((tmp_path / "ready").exists)
    mine = join("mine")
    assert mine.admit() is not None
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    assert mine.admit() is None
    assert len(list((tmp_path / "queue").iterdir())) == 3  # its own two files and the lock


def test_a_damaged_file_of_another_one_keeps_nobody_waiting(tmp_path: Path, join: Join) -> None:
    first, second = join("first"), join("second")
    assert first.admit() is None
    for path in (tmp_path / "queue").glob("*.json"):
        path.write_text("{")
    assert waiting(tmp_path / "queue") == []
    assert second.admit() is None
