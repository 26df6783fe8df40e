"""What can't be repaired keeps nothing else from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentdeck.core.agent import Phase
from agentdeck.errors import RefusedError
from tests.support.decks import Bench
from tests.support.finished import finished


def test_one_removal_that_can_not_be_finished_leaves_no_other_unfinished(bench: Bench) -> None:
    stuck = finished(bench, "a", {}).worktree
    finished(bench, "b", {"b.txt": "x\n"})
    deck = bench.deck()
    assert stuck is not None
    bench.git("worktree", "add", "-q", "--detach", str(stuck / "inner"))
    for name in ("a", "b"):
        agent = deck.store.agent(name)
        assert agent is not None
        deck.store.save(replace(agent, phase=Phase.RELEASING, trash="cut-short"))
    with pytest.raises(RefusedError, match="holds another worktree"):
        deck.repair()
    assert deck.store.names() == ["a"]
