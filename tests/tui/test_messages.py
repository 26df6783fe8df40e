"""Messages that wait are seen in the list, and taken back there."""

from __future__ import annotations

from functools import partial

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.talker import talker
from tests.tui.pilots import Driver, drive


def test_a_message_to_one_at_work_waits_and_is_taken_back(bench: Bench) -> None:
    program = talker(bench)
    program.hold()
    deck = bench.deck()
    deck.start(StartRequest(task="Begin", profile="talker", name="one", mode=Mode.INTERACTIVE))
    eventually(lambda: "at work" in deck.screen("one"))

    def len_is(number: int) -> bool:
        return len(deck.messages.of("one")) == number

    async def script(on: Driver) -> None:
        await on.state("one", State.WORKING)
        for number, text in enumerate(("first", "second"), 1):
            await on.press("i", *text, "enter")
            await on.until(partial(len_is, number))
        assert "the message waits until it is idle" in on.notices()
        await on.sees("2 messages wait")
        await on.press("i", "enter")
        await on.sees("Take back: first", "Take back: second")
        await on.press("down", "enter")
        await on.sees("1 message waits")

    drive(bench.deck(), script)
    assert [each.text for each in deck.messages.of("one")] == ["first"]
    program.go_on()
    eventually(lambda: program.lines == ["first"])
