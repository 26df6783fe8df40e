"""A start that a person cancels ends what it runs at that moment, and takes back what it has made."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.views import StartRequest
from agentdeck.errors import CancelledError, ExitCode
from agentdeck.system.machine.process import cancellable, run
from tests.engine.lifecycle.test_crashes import assert_nothing_left
from tests.support.decks import CONFIG, Bench
from tests.support.processes import gone
from tests.support.retry import eventually

_FOR_EVER = "echo $$ > {begun}; sleep 1000 & echo $! >> {begun}; trap '' TERM; wait"
"""A shell line that writes down who it is, and takes no notice of being asked to end."""


def _cancel_when(bench: Bench, cancelled: Callable[[], bool]) -> str:
    begun = time.monotonic()
    with pytest.raises(CancelledError) as caught:
        bench.deck().start(StartRequest(name="fix", argv=("sleep", "1000"), cancelled=cancelled))
    assert caught.value.exit_code is ExitCode.INTERRUPTED
    assert time.monotonic() - begun < 60
    assert_nothing_left(bench)
    assert bench.trash_refs() == []
    return caught.value.title


def _ended(begun: Path) -> None:
    for pid in begun.read_text().split():
        eventually(lambda pid=pid: gone(int(pid)))  # type: ignore[misc]


def test_while_its_worktree_is_filled(bench: Bench) -> None:
    begun = bench.home / "begun"
    hook = bench.write(".git/hooks/post-checkout", f"#!/bin/sh\n{_FOR_EVER.format(begun=begun)}\n")
    hook.chmod(0o755)
    said = _cancel_when(bench, lambda: begun.exists() and len(begun.read_text().split()) == 2)
    assert said == "The start of fix was cancelled; nothing is left of it."
    _ended(begun)


def test_while_its_database_is_made(bench: Bench) -> None:
    begun, dropped = bench.home / "begun", bench.home / "dropped"
    create = _FOR_EVER.format(begun=begun)
    config = f'[database]\nengine = "command"\ncreate = """{create}"""\ndrop = "touch {dropped}"\n'
    bench.write("agentdeck.toml", CONFIG.partition("[database]")[0] + config)
    bench.commit("a slow database")
    _cancel_when(bench, lambda: begun.exists() and len(begun.read_text().split()) == 2)
    assert dropped.exists()
    _ended(begun)


@pytest.mark.parametrize("kind", ["worktree", "ports", "env file", "pane"])
def test_between_two_steps_and_after_the_last(bench: Bench, kind: str) -> None:
    made: list[str] = []

    def note(event: Event) -> None:
        if event.kind == EventKind.RESOURCE_ACQUIRED:
            made.append(str(event.data["kind"]))

    with pytest.raises(CancelledError, match="nothing is left of it"):
        bench.deck().start(
            StartRequest(name="fix", argv=("sleep", "1000"), id="once", cancelled=lambda: kind in made), note
        )
    assert made[-1] == kind
    assert_nothing_left(bench)
    # Name and id are free again.
    assert bench.deck().start(StartRequest(name="fix", argv=("sleep", "1000"), id="once")).alive


def test_after_its_agent_has_begun_to_work_what_it_did_is_a_removal_that_undo_takes_back(bench: Bench) -> None:
    note, told = bench.root / ".worktrees/fix/note.txt", list[Event]()
    line = "echo kept >note.txt; git add note.txt; git commit -qm Note; echo more >more.txt; sleep 1000"

    def cancelled() -> bool:
        is_last = any(event.data.get("kind") == "pane" and event.kind == EventKind.RESOURCE_ACQUIRED for event in told)
        return is_last and eventually(note.with_name("more.txt").exists)

    with pytest.raises(CancelledError) as caught:
        bench.deck().start(StartRequest(name="fix", argv=("sh", "-c", line), cancelled=cancelled), told.append)
    assert caught.value.title == "The start of fix was cancelled."
    assert bench.deck().agents() == []
    assert bench.worktrees() == [str(bench.root)]
    deck, removed = bench.deck(), told[-1]
    assert removed.text == f"removed; “agentdeck undo --step {deck.history.steps()[-1].number}” restores it"
    deck.history.undo()
    assert note.read_text() == "kept\n"
    assert note.with_name("more.txt").read_text() == "more\n"
    assert bench.git("log", "-1", "--format=%s", cwd=note.parent) == "Note"
    assert deck.resume("fix").alive
    deck.remove("fix", stop=True)


def test_before_anything_is_made(bench: Bench) -> None:
    assert _cancel_when(bench, lambda: True) == "The start was cancelled before anything was made."


def test_what_is_not_cancelled_runs_as_ever() -> None:
    big = b"x" * 300_000
    with cancellable(lambda: False):
        assert run(["sh", "-c", "sleep 0.2; cat"], stdin=big).out == big
