"""A number of processes that an agent may have."""

from __future__ import annotations

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from tests.support.decks import Bench
from tests.support.retry import eventually


def test_the_youngest_are_ended_and_the_agent_goes_on(bench: Bench) -> None:
    import psutil

    bench.own("[runner]\nprocesses = 24\n")
    deck = bench.deck()
    script = "i=0; while [ $i -lt 90 ]; do sleep 600 & i=$((i+1)); done; while :; do sleep 1; done"
    deck.start(StartRequest(name="one", argv=("sh", "-c", script)))

    def told() -> list[str]:
        return [event.text for event in deck.events("one")]

    eventually(lambda: any("the youngest" in text for text in told()), 20)
    runner = psutil.Process(deck.store.runner_pid("one") or 0)
    eventually(lambda: len(runner.children(recursive=True)) <= 24, 20)
    assert any("of 24 processes" in text for text in told())
    assert deck.agent("one").state is State.WORKING
    deck.stop("one")
