"""What can't be repaired keeps nothing else from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentdeck.core.agent import Lease, Phase
from agentdeck.errors import RefusedError
from tests.support.decks import Bench
from tests.support.finished import finished


def test_one_removal_that_can_not_be_finished_leaves_no_other_unfinished(bench: Bench) -> None:
    finished(bench, "a", {})
    finished(bench, "b", {"b.txt": "x\n"})
    deck = bench.deck()
    for name in ("a", "b"):
        agent = deck.store.agent(name)
        assert agent is not None
        if name == "a":
            agent = agent.with_lease(Lease("database", True, {"engine": "another", "path": "db"}))
        deck.store.save(replace(agent, phase=Phase.RELEASING, trash="cut-short", step="removal cut-short"))
    with pytest.raises(RefusedError, match="was made with engine another"):
        deck.repair()
    deck.repair()  # it is told once
    (check,) = [check for check in deck.doctor() if check.name == "agent a"]
    assert "was made with engine another" in check.text
    assert deck.store.names() == ["a"]
