"""What a terminal answers never acts as keys, however it is split; what a person presses always does."""

from __future__ import annotations

import itertools

import pytest
from textual.events import Key, Paste
from textual.message import Message

from agentdeck.tui.look.answers import KEY_WAIT, Answers
from agentdeck.tui.look.driver import KeyParser

ANSWERS = {
    "name": "\x1bP>|tmux 3.3a\x1b\\",
    "ability": "\x1bP1+r544e=787465726d\x1b\\",
    "no ability": "\x1bP0+r\x1b\\",
    "setting": "\x1bP1$r2 q\x1b\\",
    "unit": "\x1bP!|7E565445\x1b\\",
    "background": "\x1b]11;rgb:1c1c/1c1c/1c1c\x1b\\",
    "foreground": "\x1b]10;rgb:ffff/ffff/ffff\x07",
    "colour": "\x1b]4;1;rgb:cdcd/0000/0000\x1b\\",
    "clipboard": "\x1b]52;c;eHBtZHU=\x07",
    "title": "\x1b]lx p m d u\x1b\\",
    "picture": "\x1b_Gi=31;OK\x1b\\",
    "attributes": "\x1b[?62;1;4;22c",
    "version": "\x1b[>84;0;0c",
    "place": "\x1b[12;40R",
    "is well": "\x1b[0n",
    "scheme": "\x1b[?997;1n",
    "mode": "\x1b[?2026;2$y",
    "ANSI mode": "\x1b[4;2$y",
    "keyboard": "\x1b[?0u",
    "size": "\x1b[4;600;800t",
    "sixel": "\x1b[?1;0;256S",
    "mouse": "\x1b[<35;17;4M",
}
KEYS = {
    "a": ["a"],
    "\x1b": ["escape"],
    "\x1bOP": ["f1"],
    "\x1b[A": ["up"],
    "\x1b[24~": ["f12"],
    "\x1b[1;5C": ["ctrl+right"],
    "\x1bP": ["alt+shift+p"],
    "\x1bx": ["alt+x"],
    "\x1b[120u": ["x"],
    "\r": ["enter"],
    "é漢": ["é", "漢"],
}


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("agentdeck.tui.look.driver.time.monotonic", lambda: self.now)
        monkeypatch.setattr("textual._parser.get_time", lambda: self.now)
        self.parser = KeyParser(Answers())

    def read(self, *pieces: str, pause: float = 0.0) -> list[str]:
        """The keys that Textual makes of what comes in these pieces."""
        found: list[Message] = []
        for piece in pieces:
            found += self.parser.feed(piece) if piece else ()
            for _ in range(int(pause / 0.02) + 1):
                self.now += pause / (int(pause / 0.02) + 1)
                found += self.parser.tick()
        return [event.key for event in found if isinstance(event, Key)]

    def rest(self) -> list[str]:
        return self.read("", pause=2.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_no_key_wherever_it_is_split(clock: Clock, answer: str) -> None:
    for at, pause in itertools.product(range(len(answer)), (0.0, 0.9 * KEY_WAIT, 4 * KEY_WAIT)):
        keys = clock.read("k", answer[:at], answer[at:], "j", pause=pause) + clock.rest()
        harmless = {1: "escape", 2: "alt+shift+p"}.get(at) if pause > KEY_WAIT else None
        assert [key for key in keys if key != harmless] == ["k", "j"], (at, pause)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_keys_before_and_after_are_a_person_s(clock: Clock, answer: str) -> None:
    for typed, keys in KEYS.items():
        assert clock.read(typed, pause=2.0) + clock.read(answer + answer) + clock.read(typed, pause=2.0) == keys * 2


@pytest.mark.parametrize(("typed", "keys"), KEYS.items())
def test_keys_are_what_textual_takes_them_for_and_are_as_fast(clock: Clock, typed: str, keys: list[str]) -> None:
    took = 0.0 if typed[0] != "\x1b" or len(typed) > 2 else 1.5 * KEY_WAIT
    assert clock.read(typed, pause=took) == keys


def test_keys_after_an_escape_that_look_like_an_answer_s_beginning_are_kept(clock: Clock) -> None:
    assert clock.read("\x1b", "[", "]", "P", "1", "a", pause=2 * KEY_WAIT) + clock.rest() == [
        "escape",
        "left_square_bracket",
        "right_square_bracket",
        "P",
        "1",
        "a",
    ]
    assert clock.read("\x1b\x1b", "\x1b", "\x1b", pause=1.5 * KEY_WAIT) == ["escape"] * 4


def test_an_answer_that_breaks_off_takes_no_key_with_it(clock: Clock) -> None:
    assert clock.read("\x1bP>|tm", pause=1.5) + clock.read("x") == ["x"]
    assert clock.read("\x1b]11;rgb:1c\x1b[Ax") == ["up", "x"]


def test_a_paste_is_text_whatever_is_in_it(clock: Clock) -> None:
    text = "a \x1b]11;rgb:0/0/0\x07 b"
    whole = f"\x1b[200~{text}\x1b[201~"
    for at in range(len(whole)):
        events = [*clock.parser.feed(whole[:at] or "\x00"), *clock.parser.feed(whole[at:])]
        texts = [event.text if isinstance(event, Paste) else event for event in events]
        assert texts[bool(at == 0) :] == [text.replace("\x1b", "")], at


@pytest.mark.parametrize(
    "tail", ["mux 3.3a\x1b\\", "rgb:1c1c/1c1c/1c1c\x1b\\", "1c/1c1c\x07", "?62;1;4c", "4;22c", "26;2$y", "2;17;4M"]
)
def test_what_another_program_left_is_dropped_at_the_fence(clock: Clock, tail: str) -> None:
    clock.parser.answers.expect_fence(clock.now)
    assert clock.read(tail, "\x1bP>|x\x1b\\", "q", pause=0.1) == []
    assert clock.read("\x1b[0n") == ["q"]


def test_a_terminal_that_says_nothing_holds_keys_for_half_a_second(clock: Clock) -> None:
    clock.parser.answers.expect_fence(clock.now)
    assert clock.read("j", "1", pause=0.2) == []
    assert clock.read("", pause=0.2) == ["j", "1"]
    assert clock.read("\x1b[0n", "k") == ["k"]
