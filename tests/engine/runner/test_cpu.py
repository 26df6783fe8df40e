"""A number of processors that an agent may use."""

from __future__ import annotations

import os
import sys

import pytest

from agentdeck.engine.runner.cpu import processors
from agentdeck.engine.views import StartRequest
from tests.support.decks import Bench
from tests.support.retry import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there a process is told where to run")
WIDENS = """
import os, time
print("begins on", len(os.sched_getaffinity(0)), flush=True)
os.sched_setaffinity(0, range(os.cpu_count()))
while len(os.sched_getaffinity(0)) > 1:
    time.sleep(0.05)
print("is back on", len(os.sched_getaffinity(0)), flush=True)
"""


@pytest.mark.parametrize("most", [0.5, 1, 1.5, 2, 64])
def test_so_many_of_ours(most: float) -> None:
    ours = os.sched_getaffinity(0)
    for run in ("0a", "0b", "ff"):
        found = processors(most, run)
        assert found <= ours
        assert len(found) == min(len(ours), max(1, int(most + 0.5)))


def test_it_keeps_to_them(bench: Bench) -> None:
    bench.own("[runner]\ncpu = 0.5\n")
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=(sys.executable, "-c", WIDENS)))
    eventually(lambda: not deck.agent("one").alive, 20)
    assert [line.text for line in deck.log_lines("one")][:2] == ["begins on 1", "is back on 1"]
