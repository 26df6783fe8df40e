"""What people send to an agent arrives, with its Enter, or is refused with nothing typed."""

from __future__ import annotations

import sys
import threading

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.lifecycle import keyboard
from agentdeck.engine.views import StartRequest
from agentdeck.errors import RefusedError
from tests.support.decks import Bench, world_of
from tests.support.retry import eventually

ECHO = 'while read -r line; do echo "GOT<$line>"; done'


def lines(deck: Deck, name: str = "one") -> list[str]:
    return [line.text for line in deck.log_lines(name)]


@pytest.mark.parametrize("mode", ["copy-mode", "clock-mode"])
def test_text_arrives_while_someone_reads_what_was_printed_before(bench: Bench, mode: str) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", f"echo ready; {ECHO}")))
    window = world_of(deck).tmux.window(deck.name, "one")
    assert window is not None
    world_of(deck).tmux.command(mode, "-t", window.pane)
    deck.send("one", "hello; #{pane_id} $HOME")
    eventually(lambda: "GOT<hello; #{pane_id} $HOME>" in lines(deck))
    assert world_of(deck).tmux.command("display-message", "-p", "-t", window.pane, "#{pane_in_mode}") == "1"
    deck.send("one", "with", keys=["Space", "keys"[0]])
    eventually(lambda: "GOT<with k>" in lines(deck))


def test_the_enter_comes_after_the_text_was_read_however_late_that_is(bench: Bench) -> None:
    script = (
        "import os, sys, time, tty; tty.setraw(0); os.write(1, b'\\x1b[?2004hready\\r\\n'); time.sleep(1.5)\n"
        "while True: os.write(1, repr(os.read(0, 9999)).encode() + b'\\r\\n')"
    )
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=(sys.executable, "-c", script)))
    eventually(lambda: "ready" in lines(deck))
    deck.send("one", "a\nb \x1b[201~c")
    eventually(lambda: lines(deck)[-1] == repr(b"\r"))
    assert lines(deck)[-2] == repr(b"\x1b[200~a\nb c\x1b[201~")


def test_a_message_of_one_does_not_come_into_that_of_another(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", ECHO)))
    senders = [threading.Thread(target=deck.send, args=("one", f"from {number}")) for number in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    # The terminal may echo the next one before the program prints.
    eventually(lambda: all(f"GOT<from {number}>" in "\n".join(lines(deck)) for number in range(6)))


def test_a_message_is_taken_back_where_the_program_is_not_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write("agentdeck.toml", "[hooks]\nsetup = ['sleep 3']\n")
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", ECHO)))
    with monkeypatch.context() as patch:
        patch.setattr(keyboard, "WITHDRAWN_AFTER", 0.3)
        eventually(lambda: "set-up" in deck.agent("one").status.reason)
        with pytest.raises(RefusedError, match="not ready yet: set-up: sleep 3. Nothing was typed"):
            deck.send("one", "too early")
    eventually(lambda: deck.agent("one").state is State.WORKING)
    deck.send("one", "now")
    eventually(lambda: "GOT<now>" in lines(deck))
    assert "too early" not in "".join(lines(deck))
