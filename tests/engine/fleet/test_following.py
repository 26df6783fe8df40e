"""What following many hosts costs: no look at every agent for each of them, and no try again with each look."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from agentdeck.core.agents.agent import Agent, Mode, Phase, State, Status
from agentdeck.engine.fleet import following, looking
from agentdeck.engine.fleet.following import Follower, Roll
from agentdeck.engine.records.hosts import mark_host
from agentdeck.engine.roster import Roster
from agentdeck.engine.world import World
from agentdeck.errors import UnreachableError
from agentdeck.system.files.files import private_folder
from agentdeck.system.state.store import Store
from tests.support.decks import Bench, world_of


@pytest.fixture
def world(bench: Bench) -> World:
    """A deck with four agents on two hosts, as their records say."""
    world = world_of(bench.deck())
    private_folder(world.store.open().folder / "fleet")
    for number in range(4):
        name = f"bot-{number}"
        world.store.save(Agent(name, "", "command", Mode.HEADLESS, 1.0, host=f"h{number % 2}", phase=Phase.HELD))
        world.store.put_status(name, Status(State.WORKING, 1.0))
    return world


def test_all_agents_are_read_once_for_all_hosts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Counter[str]()
    read = Store.agents

    def counted(store: Store) -> list[Agent]:
        reads["all"] += 1
        return read(store)

    monkeypatch.setattr(Store, "agents", counted)
    monkeypatch.setattr(following, "_ROLL", 60.0)
    roll = Roll(world)
    assert [[agent.name for agent in roll.on(host)] for host in ("h0", "h1", "h2")] == [
        ["bot-0", "bot-2"],
        ["bot-1", "bot-3"],
        [],
    ]
    assert roll.hosts() == {"h0", "h1"}
    assert reads["all"] == 1


def test_what_cannot_be_fetched_is_not_tried_with_each_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = Counter[str]()

    def pull(world: World, agent: Agent) -> None:
        tries[agent.name] += 1
        raise UnreachableError("The disk of h0 is full.")

    monkeypatch.setattr(looking, "pull", pull)
    follower = Follower(world, "h0")
    follower._pull()
    follower._pull()
    assert tries == {"bot-0": 1, "bot-2": 1}
    world.store.put_status("bot-0", Status(State.DONE, time.time(), ended=time.time()))
    follower._pull()
    assert tries == {"bot-0": 2, "bot-2": 1}, "it ended, so that there is more to fetch"
    monkeypatch.setattr(following, "_EXAMINE", 0.0)
    follower._pull()
    assert tries == {"bot-0": 3, "bot-2": 2}


def test_an_agent_that_stands_as_before_has_the_same_view(world: World) -> None:
    roster = Roster()
    before = {view.name: view for view in roster.agents(world)}
    mark_host(world.store, "h1", UnreachableError("no answer"))
    world.store.put_status("bot-2", Status(State.DONE, 2.0, ended=2.0))
    after = {view.name: view for view in roster.agents(world)}
    assert [after[name] is before[name] for name in sorted(before)] == [True, False, False, False]
    assert after["bot-1"].unreachable
    assert after["bot-2"].state is State.DONE
    mark_host(world.store, "h1", None)
    assert not roster.agents(world)[1].unreachable
