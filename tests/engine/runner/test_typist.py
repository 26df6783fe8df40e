"""When and how a task is typed, byte for byte."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State, Status
from agentdeck.core.agents.orders import Detectors, Orders
from agentdeck.core.transcripts.formats import Place
from agentdeck.engine.runner.typist import Typist
from agentdeck.engine.runner.watch import Watch


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_sequence_that_comes_in_two_reads_counts(cut: int, tmp_path: Path) -> None:
    where = str(tmp_path)
    orders = Orders("fix", "0", "deck", ("true",), where, where, where, where, typed="one\ntwo")
    watch = Watch(orders, Status(State.WORKING, 0.0), lambda status: None)
    watch.rested = True
    sent: list[bytes] = []
    typist = Typist(sent.append, lambda: False)
    typist.launched()
    sequence = b"\x1b[?2004h"
    typist.output(b"up" + sequence[:cut])
    typist.output(sequence[cut:] + b"> ")
    for now in (100.0, 100.1, 100.3, 100.4):
        typist.tick(orders, watch, now)
    assert sent == [b"\x1b[200~one\ntwo\x1b[201~", b"\r"]


@pytest.mark.parametrize(("screen", "again"), [("> Type your message", True), ("> Go on with it", False)])
def test_what_was_typed_before_its_place_was_there_is_typed_again(tmp_path: Path, screen: str, *, again: bool) -> None:
    where = str(tmp_path)
    detectors = Detectors(done=(".",))
    orders = Orders("it", "0", "deck", ("true",), where, where, where, where, typed="Go on with it")
    orders = replace(orders, detectors=detectors)
    watch = Watch(replace(orders, transcript=Place("opencode")), Status(State.WORKING, 0.0), lambda status: None)
    watch.rested, watch.screen = True, lambda: screen  # type: ignore[method-assign]
    sent: list[bytes] = []
    typist = Typist(sent.append, lambda: False)
    typist.launched()
    begun = time.monotonic()
    for after in (1, 16, 17, 18):
        typist.tick(orders, watch, begun + after)
    assert sent == [b"Go on with it", b"\r"]
    watch.taking.shows_input = True
    for after in (25, 26, 27, 40, 41):
        typist.tick(orders, watch, begun + after)
    assert sent == [b"Go on with it", b"\r"] * (2 if again else 1)


def test_a_line_is_sent_whole_to_a_program_that_reads_lines_or_nothing(tmp_path: Path) -> None:
    where = str(tmp_path)
    orders = Orders("fix", "0", "deck", ("true",), where, where, where, where)
    watch = Watch(orders, Status(State.WORKING, 0.0), lambda status: None)
    watch.rested = True
    sent: list[bytes] = []
    typist = Typist(sent.append, lambda: True, lambda: True)
    assert [typist.would_cut("é" * size) for size in (511, 2048)] == [False, True]
    typist.type("one", 100.0)
    typist.tick(orders, watch, 100.0)
    assert sent == [b"one", b"\r"]
    assert not typist.busy
    assert not typist.is_ready(watch, 100.1), "what it has may make it ask something"
    assert typist.is_ready(watch, 100.3)


def test_a_task_waits_for_a_program_that_starts_slowly_and_does_not_take_keys_yet(tmp_path: Path) -> None:
    where = str(tmp_path)
    orders = Orders("it", "0", "deck", ("true",), where, where, where, where, typed="Go on with it")
    orders = replace(orders, detectors=Detectors(done=(">",)))
    watch = Watch(orders, Status(State.WORKING, 0.0), lambda status: None)
    watch.rested, watch.screen = True, lambda: ""  # type: ignore[method-assign]
    sent, edits = list[bytes](), [True]
    typist = Typist(sent.append, lambda: False, lambda: edits[0])
    typist.launched()
    begun = time.monotonic()
    for after in (1, 16, 100):
        typist.tick(orders, watch, begun + after)
    assert sent == []
    edits[0] = False  # it has not drawn its prompt yet
    typist.tick(orders, watch, begun + 101)
    assert sent == []
    typist.output(b"\x1b[?2004h> ")
    watch.taking.shows_input = True
    typist.tick(orders, watch, begun + 102)
    assert sent == [b"\x1b[200~Go on with it\x1b[201~"]
