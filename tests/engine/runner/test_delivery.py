"""A message reaches an idle agent once, or is said not to have, whenever the runner dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Mode, State, Status
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.orders import Orders
from agentdeck.core.transcripts.records import Kind, Record
from agentdeck.engine.deck import Deck
from agentdeck.engine.runner.delivery import Delivery
from agentdeck.engine.runner.keyboard import Draft
from agentdeck.engine.runner.typist import Typist
from agentdeck.engine.runner.watch import Watch
from agentdeck.engine.views import StartRequest
from agentdeck.errors import RefusedError
from agentdeck.system.state.messages import MessageQueue, Stage
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.share import examples
from tests.support.talker import REPORTS, talker


def start(deck: Deck, task: str = "Begin") -> None:
    deck.start(StartRequest(task=task, profile="talker", name="one", mode=Mode.INTERACTIVE))


def texts(deck: Deck) -> list[tuple[str, Stage]]:
    return [(each.text, each.stage) for each in deck.agent("one").messages]


def test_messages_wait_for_an_agent_at_work_and_come_one_by_one(bench: Bench) -> None:
    program = talker(bench)
    program.hold()
    deck = bench.deck()
    start(deck)
    eventually(lambda: "at work" in deck.screen("one"))
    assert [deck.send("one", text) for text in ("first", "second", "third")] == [False] * 3
    assert deck.agent("one").messages_text == "3 messages wait"
    deck.messages.take_back("one", deck.messages.of("one")[1])
    assert [text for text, _ in texts(deck)] == ["first", "third"]
    assert program.lines == []
    program.go_on()
    eventually(lambda: program.lines == ["first", "third"])
    eventually(lambda: texts(deck) == [])
    kinds = [event.kind for event in deck.store.events("one") if event.kind.startswith("input.")]
    assert kinds.count(EventKind.INPUT_QUEUED) == 3
    assert kinds.count(EventKind.INPUT_SENT) == 2
    assert kinds.count(EventKind.INPUT_WITHDRAWN) == 1


def test_an_idle_agent_has_the_message_when_send_returns(bench: Bench) -> None:
    program = talker(bench)
    deck = bench.deck()
    start(deck, task="")
    eventually(lambda: deck.agent("one").state is State.WAITING)
    assert deck.send("one", "hello")
    assert program.lines == ["hello"]


def test_one_at_work_gets_it_at_once_where_a_person_says_so(bench: Bench) -> None:
    program = talker(bench)
    program.hold()
    deck = bench.deck()
    start(deck)
    assert deck.send("one", "stop that", now=True)
    program.go_on()
    eventually(lambda: program.lines == ["stop that"])


def test_what_waits_when_the_agent_ends_comes_after_it_is_resumed(bench: Bench) -> None:
    program = talker(bench)
    program.hold()
    deck = bench.deck()
    start(deck)
    deck.send("one", "later")
    deck.stop("one")
    assert deck.agent("one").messages_text == "1 message waits"
    program.go_on()
    deck.resume("one")
    eventually(lambda: program.lines == ["later"])


def test_what_a_person_has_begun_to_type_is_not_added_to(bench: Bench) -> None:
    program = talker(bench)
    deck = bench.deck()
    start(deck, task="")
    eventually(lambda: deck.agent("one").state is State.WAITING)
    deck.send("one", keys=["h", "a", "l", "f"])
    eventually(lambda: "> half" in deck.screen("one"))
    queue = deck.store.messages("one")
    queue.put("from afar")
    deck.store.wake_runner("one")
    time.sleep(1.5)
    assert program.lines == []
    deck.send("one", keys=["Enter"])
    eventually(lambda: program.lines == ["half", "from afar"])


def test_keys_that_type_nothing_are_no_draft() -> None:
    draft, now = Draft(), time.monotonic()
    for data in (b"\x1b[A", b"\x1b[<0;3;4M", b"\x1b[I", b"\r", b""):
        draft.typed(data)
        assert not draft.is_open(now)
    draft.typed(b"\x1b[200~pasted\x1b[201~")
    assert draft.is_open(now)
    assert not draft.is_open(now + 600)
    draft.typed(b"more\r")
    assert not draft.is_open(now)
    draft.asked(True)
    draft.typed(b"2")
    draft.asked(False)
    assert not draft.is_open(now)


def test_a_headless_agent_takes_no_messages(bench: Bench) -> None:
    program = talker(bench)
    program.hold()
    deck = bench.deck()
    deck.start(StartRequest(task="Begin", profile="talker", name="one", mode=Mode.HEADLESS))
    with pytest.raises(RefusedError, match="reads no messages"):
        deck.send("one", "hello")
    program.go_on()


def test_a_runner_that_is_killed_before_the_turn_began_never_types_it_again(bench: Bench) -> None:
    program = talker(bench, REPORTS)
    program.hold("deaf")
    deck = bench.deck()
    start(deck)
    eventually(lambda: deck.agent("one").state is State.DONE)
    deck.store.messages("one").put("only once")
    deck.store.wake_runner("one")
    eventually(lambda: program.lines == ["only once"])
    assert texts(deck) == [("only once", Stage.TYPED)]
    pid = deck.store.runner_pid("one")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not deck.agent("one").alive)
    deck.repair()
    deck.resume("one")
    eventually(lambda: deck.agent("one").state in (State.DONE, State.WAITING))
    eventually(lambda: deck.agent("one").messages_text == "1 message may not have arrived")
    assert program.lines == ["only once"]
    deck.messages.send_again("one", deck.messages.of("one")[0])
    eventually(lambda: program.lines == ["only once"] * 2)


class Machine:
    """A runner's delivery in this process, which may be killed before any of its effects."""

    def __init__(self, folder: Path) -> None:
        self.queue = MessageQueue(folder)
        self.typed: list[str] = []
        self.events: list[Event] = []
        where = str(folder)
        self.orders = Orders("one", "0", "deck", ("true",), where, where, where, where, reports="claude", profile="x")
        self.now, self.lives_for = 100.0, -1
        self.begin()

    def begin(self) -> None:
        """A runner starts."""
        self.watch = Watch(self.orders, Status(State.DONE, 0.0, agent_pid=1), lambda status: None)
        self.watch.rested = True
        self.typist = Typist(self._send, lambda: False)
        self.delivery = Delivery(self.queue, self.typist, lambda: False, self.events.append)

    def _send(self, data: bytes) -> None:
        self.effect()
        if data != b"\r":
            self.typed.append(data.decode())

    def effect(self) -> None:
        if self.lives_for == 0:
            raise KeyboardInterrupt
        self.lives_for -= 1

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.typist.tick(self.orders, self.watch, self.now)
            self.delivery.tick("one", self.watch, self.now, ready=True)
            self.now += 0.1


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    yield Machine(tmp_path)


def test_a_message_that_begins_no_turn_is_kept_and_told(machine: Machine) -> None:
    machine.queue.put("hello")
    machine.run(30.0)
    assert machine.typed == ["hello"]
    assert [each.stage for each in machine.queue.all()] == [Stage.UNSURE]
    assert [event.kind for event in machine.events] == [EventKind.INPUT_UNSURE]


def test_a_transcript_tells_that_a_message_of_a_killed_runner_arrived(machine: Machine) -> None:
    message = machine.queue.put("fix  the\ntest")
    machine.run(1.0)
    machine.begin()
    assert [each.stage for each in machine.queue.all()] == [Stage.UNSURE]
    machine.delivery.take("one", [Record(Kind.USER, at=message.at + 1, text="another")])
    machine.delivery.take("one", [Record(Kind.USER, at=message.at - 60, text=message.text)])
    assert len(machine.queue.all()) == 1
    machine.delivery.take("one", [Record(Kind.USER, at=message.at + 1, text=message.text)])
    assert machine.queue.all() == []


ACTS = st.sampled_from(["put", "run", "wait", "turn", "take back", "again"])


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(ACTS, st.integers(0, 5)), max_size=25))
def test_no_message_is_typed_twice_or_lost(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]]
) -> None:
    machine = Machine(tmp_path_factory.mktemp("queue"))
    rename, unlink = Path.rename, Path.unlink

    def step(deed: Callable[..., None]) -> Callable[..., None]:
        def done(*args: object, **more: object) -> None:
            machine.effect()
            deed(*args, **more)

        return done

    put: list[str] = []
    gone: set[str] = set()
    allowed: dict[str, int] = {}
    for number, (act, lives) in enumerate(acts):
        machine.lives_for = -1
        found = machine.queue.all()
        if act == "put":
            put.append(machine.queue.put(f"message {number}").text)
            machine.delivery.look()
        elif act == "take back" and found and found[0].stage is not Stage.TYPED:
            assert machine.queue.delete(found[0].key, found[0].stage)
            gone.add(found[0].text)
        elif act == "again" and found and machine.queue.move(found[0].key, Stage.UNSURE, Stage.WAITING):
            allowed[found[0].text] = allowed.get(found[0].text, 1) + 1
            machine.delivery.look()
        elif act == "turn":
            machine.watch.turns += 1
            machine.run(0.3)
        elif act in ("run", "wait"):
            machine.lives_for = lives if act == "run" else -1
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Path, "rename", step(rename))
                patch.setattr(Path, "unlink", step(unlink))
                try:
                    machine.run(2.0 if act == "run" else 30.0)
                except KeyboardInterrupt:
                    machine.lives_for = -1
                    machine.begin()
        left = {each.text for each in machine.queue.all()}
        for text in put:
            assert machine.typed.count(text) <= allowed.get(text, 1)
            assert text in left or text in gone or text in machine.typed
