"""A prune that runs beside starts and removals takes nothing of theirs."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Agent
from agentdeck.engine.history import stale as stale_things
from agentdeck.engine.history.prune import prune
from agentdeck.engine.history.stale import Seen
from agentdeck.engine.lifecycle.resources import Presence
from agentdeck.engine.lifecycle.stack import BY_KIND
from agentdeck.engine.views import StartRequest
from agentdeck.engine.world import World
from tests.support.cli import PROGRAM
from tests.support.decks import Bench, world_of
from tests.support.retry import eventually

COUNT = 10


def assert_whole(bench: Bench, names: Sequence[str]) -> None:
    deck = bench.deck()
    assert [view.name for view in deck.agents() if view.alive] == list(names)
    for name in names:
        agent = deck.agent(name).agent
        for lease in agent.leases:
            assert BY_KIND[lease.kind].check(world_of(deck), agent, lease) is Presence.HELD, (name, lease.kind)
    assert set(bench.branches()) >= {f"agentdeck/{name}" for name in names}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_starts_lose_nothing(bench: Bench) -> None:
    names = [f"a{number}" for number in range(COUNT)]
    words = ["run", "--detach", "--quiet", "--name"]
    calls = [
        subprocess.Popen(
            [*PROGRAM, *words, name, "--", "sleep", "600"],
            cwd=bench.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    listed, failed = [], []
    while any(call.poll() is None for call in calls):
        deck = bench.deck()
        stale = deck.history.stale()
        listed += [(each.kind, each.what) for each in stale]
        failed += deck.history.prune(stale)[1]
    for call in calls:
        assert call.wait() == 0, call.communicate()[1]
    assert listed == []
    assert failed == []
    assert eventually(lambda: sorted(view.name for view in bench.deck().agents()) == names)
    assert sorted(bench.windows()) == names
    assert_whole(bench, sorted(names, key=lambda name: bench.deck().agent(name).agent.created))


def test_what_a_start_takes_after_the_list_was_made_stays(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch, ports, a window and a folder that were left over, and that an agent of that name has by the time they
    are to go."""
    deck = bench.deck()
    deck.store.open()
    world_of(deck).ports.reserve(deck.name, "fix", 2, (20000, 29999), replace_taken=False)
    folder = Path(tempfile.gettempdir()) / f"agentdeck-{os.getuid()}" / f"{deck.store.deck_id}-fix"
    folder.mkdir(parents=True)
    world_of(deck).tmux.open_window(deck.name, "ghost", ["sleep", "600"], cwd=bench.root, env=dict(os.environ))
    listed = deck.history.stale()
    assert {stale.kind for stale in listed} == {"ports", "files", "window"}
    original = stale_things.agents_now
    started: list[str] = []

    def starting(world: World) -> list[Agent]:
        found = original(world)
        if not started:
            started.append("fix")
            bench.deck().start(StartRequest(name="fix", argv=("sleep", "600")))
        return found

    # The start comes between the look of the prune at all there is and the deed.
    monkeypatch.setattr("agentdeck.engine.history.prune.agents_now", starting)
    _, failed = prune(world_of(deck), listed, lambda event: None)
    assert failed == []
    assert started
    assert_whole(bench, ["fix"])
    assert bench.windows() == ["fix"]


def test_names_are_read_after_all_that_could_be_an_agents(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    deck, original = bench.deck(), stale_things.look
    deck.store.open()

    def looking(world: World) -> Seen:
        bench.deck().start(StartRequest(name="fix", argv=("sleep", "600")))
        return original(world)

    monkeypatch.setattr("agentdeck.engine.history.prune.look", looking)
    assert deck.history.stale() == []
