"""A channel against hosts that are slow, silent, lying, hostile or gone."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.errors import BusyError, DeckError, ExitCode, MissingToolError, NotFoundError, UnreachableError
from agentdeck.system.fleet.channel import Channel, refusal
from agentdeck.system.fleet.frames import LONGEST, FrameError, FrameReader, encode

HELLO = '{"hello":{"protocol":1,"version":"9"}}'
ECHO = f"""
import json, sys
print({HELLO!r}, flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({{"id": asked["id"], "result": asked["words"]}}), flush=True)
"""


def opened(program: str, pushed: Any = None) -> Channel:
    return Channel([sys.executable, "-c", program], "dev1", pushed)


def answering(line: str, times: int = 1) -> str:
    """A host that answers any question with that line, so many times."""
    say = f"sys.stdout.write({line!r} * {times}); sys.stdout.flush()"
    return f"import sys\nprint({HELLO!r}, flush=True)\nfor line in sys.stdin: {say}"


def test_questions_of_many_threads_get_their_own_answers() -> None:
    with opened(ECHO) as channel:
        found: dict[int, Any] = {}
        threads = [
            threading.Thread(target=lambda at=at: found.__setitem__(at, channel.call("echo", at=at)))
            for at in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == {at: {"at": at} for at in range(20)}


def test_what_a_login_prints_is_passed_over() -> None:
    with opened('print(\'Welcome to dev1!\\n{"not": "a hello"}\', flush=True)\n' + ECHO) as channel:
        assert channel.call("echo", a=1) == {"a": 1}
        assert (channel.protocol, channel.version) == (1, "9")


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("", "the connection ended at once"),
        ("import sys; sys.exit('Permission denied (publickey).')", "Permission denied"),
        ("print('x' * 100000)", "something else than an agentdeck"),
        ("print('{\"hello\":{}}')", "its greeting is none"),
        ('print(\'{"hello":{"protocol":99,"version":"7"}}\')', "another protocol"),
    ],
)
def test_who_does_not_answer_as_a_host_is_unreachable(program: str, why: str) -> None:
    with pytest.raises(UnreachableError, match=why) as caught:
        opened(program)
    assert caught.value.exit_code == ExitCode.TRY_LATER


def test_a_program_that_is_missing_is_said_so() -> None:
    with pytest.raises(MissingToolError, match="/nowhere/ssh is not installed"):
        Channel(["/nowhere/ssh"], "dev1")


@pytest.mark.parametrize(
    ("line", "times"),
    [("nonsense\n", 1), ("[1]\n", 1), ("\x00\xff\n", 1), ('{"id":' + "[" * 50_000 + "\n", 1), ("x" * 1000, 100_000)],
    ids=["text", "list", "bytes", "deep", "100 MB"],
)
def test_hostile_bytes_end_the_channel_and_nothing_else(line: str, times: int) -> None:
    with opened(answering(line, times)) as channel:
        with pytest.raises(UnreachableError, match="what is no frame"):
            channel.call("anything", timeout=20)
        assert not channel.is_open
        with pytest.raises(UnreachableError):
            channel.call("again")


def test_answers_that_nobody_asked_for_are_passed_over() -> None:
    lines = [{"id": 999, "result": 1}, {"id": "1", "result": 2}, {"id": None}, {}, {"id": 1, "result": "mine"}]
    with opened(answering("".join(json.dumps(line) + "\n" for line in lines))) as channel:
        assert channel.call("anything") == "mine"


def test_a_refusal_keeps_its_words_and_its_code() -> None:
    told = {"kind": "BusyError", "title": "No \x1b[31mway.", "detail": "because", "hint": "try", "code": 4}
    program = answering(json.dumps({"id": 1, "error": told}) + "\n")
    with opened(program) as channel, pytest.raises(BusyError) as caught:
        channel.call("anything")
    assert (caught.value.title, caught.value.detail, caught.value.exit_code) == (
        "dev1: No way.", "because", ExitCode.REFUSED,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "kind", "code"),
    [
        ({"kind": "NotFoundError", "code": 3}, NotFoundError, ExitCode.NOT_FOUND),
        ({"kind": "UntrustedError", "code": 77}, DeckError, ExitCode.UNTRUSTED),
        ({"kind": ["RefusedError"], "code": 1234}, DeckError, ExitCode.FAILED),
        ({"kind": "SystemExit", "code": {}, "title": [], "detail": 7, "hint": None}, DeckError, ExitCode.FAILED),
        ("no object", DeckError, ExitCode.FAILED),
        (None, DeckError, ExitCode.FAILED),
    ],
)
def test_a_refusal_is_of_a_kind_that_is_known_here(told: object, kind: type[DeckError], code: ExitCode) -> None:
    error = refusal(told, "dev1")
    assert (type(error), error.exit_code) == (kind, code)


def test_silence_ends_in_time_and_wakes_all_who_wait() -> None:
    silent = f"import time\nprint({HELLO!r}, flush=True)\ntime.sleep(60)"
    with opened(silent) as channel:
        begun, failed = time.monotonic(), []

        def ask() -> None:
            try:
                channel.call("anything", timeout=0.5)
            except UnreachableError as error:
                failed.append(error.title)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(failed) == 3 and time.monotonic() - begun < 10


def test_a_host_that_does_not_read_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = f"import time\nprint({HELLO!r}, flush=True)\ntime.sleep(60)"
    with opened(deaf) as channel, pytest.raises(UnreachableError, match="does not read"):
        channel.call("give", timeout=1, data="x" * (4 << 20))


def test_a_host_that_dies_is_noticed_at_once() -> None:
    with opened(f"import sys\nprint({HELLO!r}, flush=True)\nsys.stdin.readline()") as channel:
        begun = time.monotonic()
        with pytest.raises(UnreachableError, match="the connection ended"):
            channel.call("anything", timeout=60)
        assert time.monotonic() - begun < 10


def test_news_is_told_to_who_listens() -> None:
    heard: list[Any] = []
    news = 'print(\'{"push":"changed"}\', flush=True)\n'
    program = ECHO.replace("for line", f"{news}for line")
    with opened(program, heard.append) as channel:
        channel.call("echo")
    assert heard == [{"push": "changed"}]


frames = st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=4), max_size=6)


@given(frames, st.data())
def test_frames_come_whole_however_the_bytes_are_cut(sent: list[dict[str, Any]], data: st.DataObject) -> None:
    text = b"".join(map(encode, sent))
    reader, found, at = FrameReader(), list[dict[str, Any]](), 0
    while at < len(text):
        size = data.draw(st.integers(1, 40))
        found += reader.feed(text[at : at + size])
        at += size
    assert found == sent


@given(st.binary(max_size=200))
def test_bytes_are_frames_or_a_frame_error(data: bytes) -> None:
    try:
        found = FrameReader().feed(data)
    except FrameError:
        return
    assert all(isinstance(each, dict) for each in found)


def test_a_frame_that_never_ends_is_refused_before_it_fills_the_memory() -> None:
    reader = FrameReader(longest=1000)
    with pytest.raises(FrameError):
        for _ in range(20):
            reader.feed(b"x" * 100)


def test_what_is_too_long_is_never_sent() -> None:
    with pytest.raises(FrameError):
        encode({"data": "x" * LONGEST})
