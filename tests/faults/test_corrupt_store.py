"""Files of the deck's state that can't be read: each is named and left as it is, and hides nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.retry import eventually
from tests.support.share import every_other
from tests.support.verdicts import assert_no_bug, assert_ok, assert_refused

DAMAGE: dict[str, bytes] = {
    "empty": b"",
    "cut short": b'{"name":"bad","task":"x","profi',
    "binary": b"\x00\xff\xfe\x80" * 64,
    "zeros": b"\0" * 4096,
    "a list": b"[1, 2]",
    "a number": b"7",
    "deep": b"[" * 100_000,
}
VERBS = (("ls",), ("ports",), ("doctor",), ("logs", "good"), ("show", "good"), ("diff", "good"))


@pytest.fixture
def two(bench: Bench) -> Bench:
    """The agents `bad`, whose files are to be damaged, and `good`."""
    for name in ("bad", "good"):
        finished(bench, name, {f"{name}.txt": "made\n"})
    return bench


def record(bench: Bench, name: str = "agent.json") -> Path:
    return bench.deck().store.agent_folder("bad") / name


def changed(path: Path, **values: Any) -> bytes:
    return json.dumps({**json.loads(path.read_text()), **values}).encode()


@pytest.mark.parametrize("kind", every_other(DAMAGE, 1))
def test_a_damaged_record_hides_no_other_agent(two: Bench, kind: str) -> None:
    path = record(two)
    whole = path.read_bytes()
    path.write_bytes(DAMAGE[kind])
    views = {view["name"]: view for view in objects(assert_ok(agentdeck("ls", "--json", cwd=two.root)))[0]["agents"]}
    assert views["good"]["state"] == "done"
    assert views["bad"]["state"] == "failed"
    assert "its record can't be read" in views["bad"]["reason"]
    for verb in VERBS:
        assert_no_bug(agentdeck(*verb, cwd=two.root))
    found = agentdeck("doctor", cwd=two.root)
    assert "agent bad" in found.stdout
    assert found.returncode == ExitCode.FAILED
    for verb in (("show", "bad"), ("rm", "bad"), ("resume", "bad"), ("merge", "bad"), ("stop", "bad"), ("logs", "bad")):
        assert_refused(agentdeck(*verb, cwd=two.root), ExitCode.FAILED, says=["agent.json", "Nothing was changed"])
    assert_refused(agentdeck("prune", "--yes", cwd=two.root), ExitCode.FAILED, says=["agent.json"])
    assert path.read_bytes() == DAMAGE[kind]
    assert_ok(agentdeck("merge", "good", cwd=two.root))
    assert_ok(agentdeck("rm", "good", cwd=two.root))
    path.write_bytes(whole)
    assert_ok(agentdeck("rm", "bad", cwd=two.root))


@pytest.mark.parametrize(
    "values",
    [
        {"created": "yesterday"},
        {"leases": 3},
        {"leases": [{"kind": "worktree", "held": True, "data": {}}]},
        {"leases": [["worktree"]]},
        {"name": "good"},
        {"task": None},
        {"phase": "dancing"},
        {"unknown": 1},
        {"runs": "1"},
    ],
    ids=str,
)
def test_a_record_with_values_of_another_kind(two: Bench, values: dict[str, Any]) -> None:
    path = record(two)
    path.write_bytes(changed(path, **values))
    before = path.read_bytes()
    listed = assert_ok(agentdeck("ls", cwd=two.root))
    assert "good" in listed
    assert "its record can't be read" in listed
    assert_refused(agentdeck("rm", "bad", cwd=two.root), ExitCode.FAILED, says=["agent.json"])
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", every_other([*DAMAGE, "wrong types"], 0))
def test_a_damaged_status_is_put_aside_and_known_again(two: Bench, kind: str) -> None:
    path = record(two, "status.json")
    damaged = DAMAGE[kind] if kind in DAMAGE else changed(path, since="x", state="done")
    path.write_bytes(damaged)
    told = agentdeck("ls", cwd=two.root)
    assert "bad" in assert_ok(told)
    assert "could not be read" in told.stderr
    (aside,) = path.parent.glob("status.damaged-*.json")
    assert aside.read_bytes() == damaged
    assert two.deck().agent("bad").state is State.FAILED
    assert_ok(agentdeck("resume", "bad", cwd=two.root))
    assert two.deck().wait("bad").status.exit_code is not None


def test_a_damaged_status_of_an_agent_that_runs(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="bad", argv=("sleep", "600")))
    # A runner that can't read its status when it begins ends, and so is rightly told to be gone.
    eventually(lambda: deck.agent("bad").state is State.WORKING)
    record(bench, "status.json").write_bytes(b"")
    assert "working" in assert_ok(agentdeck("ls", cwd=bench.root))
    assert_ok(agentdeck("stop", "bad", cwd=bench.root))
    assert deck.agent("bad").state is State.STOPPED


@pytest.mark.parametrize("kind", every_other(DAMAGE, 1))
def test_damaged_events_and_recordings_are_read_as_far_as_they_go(two: Bench, kind: str) -> None:
    events = two.deck().store.events("bad")
    for name in ("events.jsonl", "session.cast"):
        with record(two, name).open("ab") as file:
            file.write(DAMAGE[kind] + b"\n")
    assert len(two.deck().store.events("bad")) == len(events)
    for verb in (("show", "bad"), ("logs", "bad"), ("logs", "--raw", "bad")):
        assert_ok(agentdeck(*verb, cwd=two.root))


@pytest.mark.parametrize("kind", every_other(DAMAGE, 0))
def test_a_damaged_head_is_refused_and_known_again_when_it_is_moved_away(two: Bench, kind: str) -> None:
    deck = two.deck()
    head, before = deck.store.folder / "deck.json", deck.store.deck_id
    head.write_bytes(DAMAGE[kind])
    for verb in (("ls",), ("rm", "bad"), ("run", "-d", "--", "true"), ("prune",)):
        assert_refused(agentdeck(*verb, cwd=two.root), ExitCode.FAILED, says=["deck.json"])
    assert head.read_bytes() == DAMAGE[kind]
    head.rename(head.with_suffix(".old"))
    assert "good" in assert_ok(agentdeck("ls", cwd=two.root))
    assert two.deck().store.deck_id == before
    assert_ok(agentdeck("rm", "bad", "good", cwd=two.root))


def test_a_newer_store_is_refused_and_not_touched(two: Bench) -> None:
    head = two.deck().store.folder / "deck.json"
    head.write_bytes(changed(head, format=2))
    before = {path: path.stat().st_mtime_ns for path in head.parent.rglob("*") if path.is_file()}
    for verb in (
        ("ls",),
        ("show", "bad"),
        ("logs", "bad"),
        ("rm", "bad"),
        ("run", "-d", "--", "true"),
        ("resume", "bad"),
        ("merge", "bad"),
        ("prune", "--yes"),
        ("undo",),
        ("stop", "--all"),
        ("--json", "doctor"),
    ):
        done = agentdeck(*verb, cwd=two.root)
        assert_no_bug(done)
        assert done.returncode == ExitCode.FAILED, (verb, done.stdout, done.stderr)
        assert "A newer agentdeck" in done.stdout + done.stderr
    assert {path: path.stat().st_mtime_ns for path in head.parent.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("kind", every_other(DAMAGE, 1))
def test_a_damaged_registry_of_ports(two: Bench, kind: str) -> None:
    path = two.home / ".local/state/agentdeck/ports.json"
    path.write_bytes(DAMAGE[kind])
    assert_ok(agentdeck("ls", cwd=two.root))
    for verb in (("run", "-d", "--name", "more", "--", "true"), ("ports",), ("rm", "bad")):
        assert_refused(agentdeck(*verb, cwd=two.root), ExitCode.FAILED, says=["ports.json", "Move it away"])
    assert path.read_bytes() == DAMAGE[kind]
    path.unlink()
    # The next verb finishes the removal.
    assert "bad" not in assert_ok(agentdeck("ls", cwd=two.root))
    assert_ok(agentdeck("run", "-d", "--name", "more", "--", "true", cwd=two.root))


@pytest.mark.parametrize("kind", every_other(DAMAGE, 0))
def test_damaged_ids_orders_and_steps(two: Bench, kind: str) -> None:
    start = ("run", "-d", "--id", "nightly", "--", "true")
    assert_ok(agentdeck(*start, cwd=two.root))
    deck = two.deck()
    path = deck.store.id_path("nightly")
    path.write_bytes(DAMAGE[kind])
    assert_refused(agentdeck(*start, cwd=two.root), ExitCode.FAILED, says=[path.name])
    assert path.read_bytes() == DAMAGE[kind]
    record(two, "orders.json").write_bytes(DAMAGE[kind])
    assert_ok(agentdeck("resume", "bad", cwd=two.root))
    deck.wait("bad")
    assert_ok(agentdeck("rm", "bad", cwd=two.root))
    (step,) = (deck.store.folder / "steps").glob("*.json")
    step.write_bytes(DAMAGE[kind])
    assert_refused(agentdeck("undo", cwd=two.root), ExitCode.FAILED, says=[step.name])
    assert_ok(agentdeck("ls", cwd=two.root))


def test_strange_things_in_the_state_folder(two: Bench) -> None:
    folder = two.deck().store.folder
    for name in ("Not A Name", ".hidden", "ünïcode", "x" * 80):
        (folder / "agents" / name).mkdir()
        (folder / "agents" / name / "agent.json").write_text("{}")
    (folder / "agents" / "a-file").write_text("")
    (folder / "agents" / "half").mkdir()
    for verb in (*VERBS, ("rm", "bad"), ("run", "-d", "--name", "half", "--", "true")):
        assert_no_bug(agentdeck(*verb, cwd=two.root))
    assert {view.name for view in two.deck().agents()} == {"good", "half"}
