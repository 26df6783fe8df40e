from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Agent, Mode, State, Status
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.errors import FileError, StoreError, UsageError
from agentdeck.system.state.store import FORMAT, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "agentdeck").open()


def agent(name: str = "fix") -> Agent:
    return Agent(name=name, task="Fix it", profile="demo", mode=Mode.HEADLESS, created=1.0)


def test_a_new_store_is_private_and_keeps_its_id(store: Store) -> None:
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((store.folder / "deck.json").stat().st_mode) == 0o600
    assert Store(store.folder).open().deck_id == store.deck_id


def test_a_newer_store_is_refused_and_not_rewritten(store: Store) -> None:
    head = store.folder / "deck.json"
    head.write_text(json.dumps({"format": FORMAT + 1, "id": "x"}))
    before = head.read_bytes()
    with pytest.raises(StoreError, match="newer agentdeck"):
        Store(store.folder).open()
    assert head.read_bytes() == before


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00\x01", '{"name": 1}'])
def test_a_damaged_record_is_an_error_that_names_the_file(store: Store, content: str) -> None:
    store.save(agent())
    path = store.agent_folder("fix") / "agent.json"
    path.write_text(content)
    with pytest.raises(StoreError, match=r"agent\.json"):
        store.agent("fix")
    assert path.read_text() == content


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"agentdeck can't be written") as caught:
        Store(tmp_path / "file" / "agentdeck").open()
    assert isinstance(caught.value, OSError), "what bears an OSError bears this"


def test_a_runner_does_not_take_a_landing_back(store: Store) -> None:
    store.save(Agent("fox", "Do it", "claude", Mode.INTERACTIVE, 1.0))
    done = Status(State.DONE, 10.0)
    store.set_status("fox", done)
    store.put_status("fox", Status(State.LANDED, 20.0, reason="on main"))
    assert not store.set_status("fox", done)
    assert store.status("fox").state is State.LANDED
    assert store.set_status("fox", Status(State.WORKING, 30.0)), "it works again"


def test_agents_are_found_saved_and_deleted(store: Store) -> None:
    assert store.names() == []
    assert store.agent("fix") is None
    store.save(agent("fix"))
    store.save(agent("add"))
    assert store.names() == ["add", "fix"]
    assert store.agent("fix") == agent("fix")
    store.delete_agent("fix")
    assert store.names() == ["add"]
    assert not store.agent_folder("fix").exists()


def test_a_name_that_is_no_name_never_becomes_a_path(store: Store) -> None:
    with pytest.raises(UsageError):
        store.agent_folder("../../etc")


def test_the_transition_table_guards_the_status(store: Store) -> None:
    store.save(agent())
    assert store.set_status("fix", Status(State.WORKING, since=1.0))
    assert not store.set_status("fix", Status(State.LANDED, since=2.0))
    assert store.status("fix").state is State.WORKING
    assert store.set_status("fix", Status(State.WAITING, since=3.0, reason="asks to run ls"))
    assert [event.text for event in store.events("fix")] == ["working", "waiting: asks to run ls"]


def test_the_same_status_again_is_no_event(store: Store) -> None:
    store.save(agent())
    for since in (1.0, 2.0):
        store.set_status("fix", Status(State.WORKING, since=since))
    assert len(store.events("fix")) == 1


def test_events_come_back_as_written(store: Store) -> None:
    store.save(agent())
    event = Event(EventKind.WARNING, "fix", "line\nbreak \u2028 \x85 ü", {"a": [1]}, at=2.5)
    store.append(event)
    assert store.events("fix") == [event]


def test_locks_tell_who_is_at_work(store: Store) -> None:
    store.save(agent())
    assert not store.in_operation("fix")
    with store.operation("fix"):
        assert store.in_operation("fix")
    assert not store.in_operation("fix")
    assert not store.runner_lives("fix")


def test_ids_of_any_text_become_one_file_each(store: Store) -> None:
    paths = {store.id_path(each) for each in ("a", "A", "../x", "nightly 2026", "ü" * 300, "\udcff")}
    assert len(paths) == 6
    assert {path.parent for path in paths} == {store.folder / "ids"}


def test_logs_of_the_same_second_differ(store: Store) -> None:
    assert store.new_log("fix") != store.new_log("fix")
