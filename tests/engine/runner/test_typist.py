"""When and how a task is typed, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State, Status
from agentdeck.core.agents.orders import Orders
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
