"""What fails between home and a host, and that nothing starts twice, is lost or is said that is not so."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Phase, State, Status
from agentdeck.core.frozen import replace
from agentdeck.engine.fleet import mirror, refreshing
from agentdeck.engine.records import hosts
from agentdeck.engine.records.hosts import HostMark
from agentdeck.engine.world import silent
from agentdeck.errors import BusyError, DeckError, UnreachableError
from agentdeck.system.fleet.channel import Channel
from agentdeck.system.fleet.hostlist import HostList
from tests.support.crash import crash
from tests.support.decks import world_of
from tests.support.hosts import Fleet
from tests.support.retry import eventually
from tests.support.share import EVERY, examples, in_test_fleet, steps


def settled(fleet: Fleet, name: str = "bot") -> None:
    """After a look from home: the agent is there once, at home and on its host."""
    deck = fleet.deck()
    deck.repair()
    deck.fleet.refresh()
    names = [view.name for view in deck.agents()]
    assert names in ([], [name])
    assert len(fleet.runners("dev1")) == len(names)
    if names:
        assert deck.agent(name).agent.phase is Phase.HELD
        assert "agentdeck/bot" in fleet.bench.branches()


@pytest.mark.slow
def test_a_start_that_is_killed_at_home_is_asked_about_and_starts_once(fleet: Fleet) -> None:
    fleet.start("first", "true")
    fleet.deck().wait("first")
    fleet.deck().remove("first")
    last = len(crash(fleet.bench.root, 0, "start-on", "bot", {"on": "dev1"}))
    settled(fleet)
    for at in steps(last, 14):
        fleet.deck().remove("bot", stop=True)
        crash(fleet.bench.root, at, "start-on", "bot", {"on": "dev1"})
        settled(fleet)
        view = fleet.start("bot", "echo ready; exec sleep 600", id=f"id of bot {at}")
        assert view.name == "bot"
        settled(fleet)
        assert fleet.bench.branches() == ["agentdeck/bot", "main"]


@in_test_fleet
@pytest.mark.slow
def test_a_removal_that_is_killed_at_home_is_finished_and_can_be_undone(fleet: Fleet) -> None:
    line = "echo work > work.txt; git add work.txt; git commit -qm work; sleep 600"
    fleet.start("bot", line)
    eventually(lambda: fleet.there("dev1").landings.has_work("bot"))
    last = len(crash(fleet.bench.root, 0, "remove", "bot"))
    fleet.deck().undo()
    for at in steps(last, 12):
        crash(fleet.bench.root, at, "remove", "bot")
        fleet.deck().repair()
        if fleet.deck().agents():
            assert fleet.deck().agent("bot").agent.phase is Phase.HELD
            fleet.deck().remove("bot", stop=True)
        assert not fleet.deck().agents() and not fleet.there("dev1").agents()
        fleet.deck().undo()
        tree = fleet.there("dev1").agent("bot").worktree
        assert tree is not None and (tree / "work.txt").read_text() == "work\n"
        assert fleet.bench.git("show", "agentdeck/bot:work.txt") == "work"


def test_a_lost_reply_is_asked_about_and_starts_once(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    call, lost = Channel.call, list[str]()

    def losing(self: Channel, verb: str, /, **words: Any) -> Any:
        answer = call(self, verb, **words)
        if verb == "start" and not lost:
            lost.append(verb)
            self._break("the reply was lost")
            raise self._gone()
        return answer

    monkeypatch.setattr(Channel, "call", losing)
    assert fleet.start("bot", "sleep 600").alive
    assert lost and len(fleet.runners("dev1")) == 1
    settled(fleet)


def test_replies_that_never_come_leave_a_start_that_is_asked_about(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, lost = Channel.call, list[str]()

    def losing(self: Channel, verb: str, /, **words: Any) -> Any:
        answer = call(self, verb, **words)
        if verb == "start":
            lost.append(verb)
            if len(lost) == 1:
                raise BusyError("An earlier server is at it still.")
            self._break("the reply was lost")
            raise self._gone()
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Channel, "call", losing)
        with pytest.raises(UnreachableError, match="has not said whether bot started"):
            fleet.start("bot", "sleep 600")
        with pytest.raises(DeckError, match="has not said yet whether bot started"):
            fleet.deck().stop("bot")
    fleet.reconnect("dev1")
    settled(fleet)
    assert fleet.deck().agent("bot").state.is_live


@in_test_fleet
def test_a_host_s_server_that_is_killed_in_a_start_starts_once(fleet: Fleet) -> None:
    chance = random.Random(20)
    for number in range(12 if EVERY else 2):
        channel = fleet.channel("dev1")
        killer = threading.Timer(chance.uniform(0.05, 1.0), channel._child.kill)
        killer.start()
        with suppress(DeckError):
            fleet.start("bot", "sleep 600", id=f"once {number}")
        killer.join()
        fleet.reconnect("dev1")
        settled(fleet)
        if fleet.deck().agents():
            fleet.deck().remove("bot", stop=True)


def test_a_host_that_stands_still_is_unreachable_and_goes_on(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.start("bot", "sleep 600")
    channel = fleet.channel("dev1")
    os.kill(channel._child.pid, signal.SIGSTOP)
    begun = time.monotonic()
    with pytest.raises(UnreachableError, match="has not answered"):
        channel.call("sync", timeout=1, deck=fleet.deck().name, agents={})
    assert time.monotonic() - begun < 8
    assert len(fleet.runners("dev1")) == 1
    fleet.reconnect("dev1")
    settled(fleet)


@in_test_fleet
def test_a_host_that_hangs_keeps_nobody_from_the_others(fleet: Fleet) -> None:
    fleet.add("dev2")
    fleet.start("stuck", "sleep 600", on="dev2")
    fleet.start("talk", 'while read -r line; do echo "got <$line>"; done')
    deck, hung = fleet.deck(), fleet.channel("dev2")._child.pid
    with deck.fleet.following():
        os.kill(hung, signal.SIGSTOP)
        try:
            deck.send("talk", "hello")
            eventually(lambda: "got <hello>" in [line.text for line in fleet.deck().log_lines("talk")], 4)
            assert not fleet.deck().agent("stuck").unreachable, "nobody knows that yet"
        finally:
            os.kill(hung, signal.SIGCONT)


def test_what_is_noted_of_a_host_ends_no_call_under_way(fleet: Fleet) -> None:
    channel = fleet.channel("dev1")
    spec = HostList().get("dev1")
    for noted in (replace(spec, lost=True), replace(spec, drained=True, labels=("big",))):
        HostList().put(noted)
        assert fleet.channel("dev1") is channel and channel.is_open
    HostList().put(replace(spec, program="/another/agentdeck"))
    with pytest.raises(UnreachableError):
        fleet.channel("dev1")
    assert not channel.is_open


def test_a_power_cut_fails_its_agents_and_they_are_resumed_in_place(fleet: Fleet) -> None:
    fleet.start("bot", "echo begun; sleep 600")
    eventually(lambda: fleet.looked("bot").state is State.WORKING)
    tree = fleet.there("dev1").agent("bot").worktree
    assert tree is not None
    (tree / "half.txt").write_text("half\n")
    fleet.power_cut("dev1")
    fleet.reconnect("dev1")
    eventually(lambda: not fleet.looked("bot").alive)
    view = fleet.deck().agent("bot")
    assert view.state is State.FAILED and not view.unreachable
    fleet.deck().resume("bot")
    assert len(fleet.runners("dev1")) == 1
    assert (tree / "half.txt").read_text() == "half\n"


@in_test_fleet
def test_an_agent_that_was_removed_on_its_host_is_told_so(fleet: Fleet) -> None:
    fleet.start("bot", "sleep 600")
    fleet.there("dev1").remove("bot", stop=True)
    time.sleep(1.6)
    view = fleet.looked("bot")
    assert (view.state, view.reason) == (State.FAILED, "dev1 no longer has it")
    assert fleet.bench.branches() == ["agentdeck/bot", "main"]


def test_a_branch_that_a_person_moved_here_is_left_alone(fleet: Fleet) -> None:
    fleet.start("bot", "echo x > x; git add x; git commit -qm theirs")
    deck = fleet.deck()
    deck.wait("bot")
    mine = fleet.bench.git("commit-tree", "-m", "mine", "-p", "main", "main^{tree}")
    fleet.bench.git("update-ref", "refs/heads/agentdeck/bot", mine)
    deck.fleet.fetch(deck.agent("bot"))
    assert fleet.bench.git("rev-parse", "agentdeck/bot") == mine
    assert fleet.bench.git("log", "-1", "--format=%s", "refs/agentdeck/tip/bot") == "theirs"
    fleet.bench.git("update-ref", "-d", "refs/agentdeck/tip/bot")
    deck.fleet.fetch(deck.agent("bot"))
    assert fleet.bench.git("log", "-1", "--format=%s", "refs/agentdeck/tip/bot") == "theirs"


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


def test_a_host_that_lies_is_not_believed(fleet: Fleet) -> None:
    fleet.start("bot", "sleep 600")
    deck = fleet.deck()
    world = world_of(deck)
    agent = deck.agent("bot").agent
    good = fleet.channel("dev1").call("sync", deck=deck.name, agents={"bot": {}})["bot"]
    keys = st.sampled_from(sorted(good))

    def tell(told: Any) -> None:
        mirror.apply(world, agent, mirror.Mirror.read(world.store, "bot"), told, silent)

    @settings(max_examples=examples(15))
    @given(keys, junk)
    def lies(key: str, value: Any) -> None:
        before = sorted(path.name for path in world.store.folder.iterdir())
        with suppress(UnreachableError):
            tell({**good, key: value})
        with suppress(UnreachableError):
            tell(value)
        assert world.store.agent("bot") is not None
        assert world.store.status("bot").runner_pid is None
        assert sorted(path.name for path in world.store.folder.iterdir()) == before

    lies()
    paths = {**good["files"]["events"], "path": "../../../etc/passwd", "data": "", "offset": 0}
    tell({**good, "files": {"events": paths, "log": paths}})
    assert str(deck.agent("bot").log).startswith(str(world.store.logs))


def test_the_last_work_of_a_host_whose_clock_is_seconds_behind_is_fetched(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_our_clock = mirror._by_our_clock

    def behind(status: Status, clock: object) -> Status:
        found = by_our_clock(status, clock)
        return replace(found, since=found.since - 20, ended=found.ended and found.ended - 20)

    monkeypatch.setattr(mirror, "_by_our_clock", behind)
    fleet.start("bot", "read line; echo last > last; git add last; git commit -qm last")
    deck = fleet.deck()
    assert deck.fleet.fetch(deck.agent("bot")) == ""
    assert deck.review.facts(deck.agent("bot")).ahead == 0
    deck.send("bot", "go on")
    eventually(lambda: fleet.looked("bot").state is State.DONE)
    view = deck.agent("bot")
    assert deck.review.facts(view).is_behind
    refreshing.fetch(world_of(deck), ["bot"])
    facts = deck.review.facts(view)
    assert (facts.ahead, facts.is_behind) == (1, False)


def test_while_this_machine_sleeps_no_host_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = HostMark(unreachable=time.time() - 3700, suspended=50.0)
    for slept, waited in ((50.0, 3700), (3650.0, 100), (0.0, 3700)):  # the last: it was started anew since
        monkeypatch.setattr(hosts, "_suspended", lambda slept=slept: slept)
        assert mark.unreachable_for == pytest.approx(waited, abs=1)
    assert HostMark().unreachable_for == 0.0


def test_the_times_of_a_host_whose_clock_is_wrong_are_told_by_ours() -> None:
    now = time.time()
    status = Status(State.DONE, since=now - 86_410, started=now - 86_500, ended=now - 86_410)
    told = mirror._by_our_clock(status, now - 86_400)
    assert (told.since, told.started, told.ended) == (now - 10, now - 100, now - 10)
    for right in (now + 3, None, "soon", 10**400, float("nan")):
        assert mirror._by_our_clock(status, right) is status
