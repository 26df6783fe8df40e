"""The window on a log shows the same lines as the whole file, however they come and wherever it is put aside."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdeck.system.state import logtail
from agentdeck.system.state.logtail import LogChange, LogTail
from agentdeck.system.state.recording import put_aside


class Held:
    """What a reader of the changes holds."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def take(self, change: LogChange) -> LogChange:
        if change.fresh:
            self.lines = []
        self.lines = [*change.before, *self.lines, *change.after]
        if change.dropped_before:
            del self.lines[: change.dropped_before]
        if change.dropped_after:
            del self.lines[-change.dropped_after :]
        return change


def _append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_the_end_is_read_first_and_the_rest_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logtail, "PIECE", 4096)
    path = tmp_path / "a.log"
    all_lines = [f"{number}\n".encode() for number in range(3000)]
    path.write_bytes(b"".join(all_lines))
    tail, held = LogTail(path), Held()
    change = held.take(tail.newer())
    assert change.fresh
    assert not change.is_first
    assert 500 < len(held.lines) < 1000
    assert held.lines[-1] == b"2999\n"
    for _ in range(20):
        if held.take(tail.older()).is_first:
            break
    assert held.lines == all_lines


def test_only_whole_lines_come(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\ntw")
    tail, held = LogTail(path), Held()
    held.take(tail.newer())
    assert held.lines == [b"one\n"]
    _append(path, "o\nthree\n")
    held.take(tail.newer())
    assert held.lines == [b"one\n", b"two\n", b"three\n"]
    _append(path, "x" * (logtail._LINE_BYTES + 5))
    held.take(tail.newer())
    assert b"".join(held.lines[3:]) == b"x" * (logtail._LINE_BYTES + 5)
    assert max(map(len, held.lines)) <= logtail._LINE_BYTES


def test_a_missing_a_shrunk_and_a_late_log(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    tail, held = LogTail(path), Held()
    assert held.take(tail.newer()).fresh
    assert held.take(tail.older()).is_first
    path.write_text("one\ntwo\n")
    held.take(tail.newer())
    assert held.lines == [b"one\n", b"two\n"]
    path.write_text("new\n")
    assert held.take(tail.newer()).fresh
    assert held.lines == [b"new\n"]


def test_the_window_is_bounded_at_both_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logtail, "MOST_LINES", 100)
    monkeypatch.setattr(logtail, "PIECE", 300)
    path = tmp_path / "a.log"
    path.write_text("".join(f"{number:04}\n" for number in range(1000)))
    tail, held = LogTail(path), Held()
    held.take(tail.newer())
    while not held.take(tail.older()).is_first:
        assert len(held.lines) <= 100
    assert held.lines[0] == b"0000\n"
    assert len(held.lines) == 100
    _append(path, "1000\n")
    change = held.take(tail.newer(may_drop=False))
    assert not change.is_last
    assert held.lines[-1] == b"0099\n"
    held.take(tail.newer())
    assert held.lines[-1] == b"1000\n"
    assert len(held.lines) == 100
    held.take(tail.older())
    held.take(tail.end())
    assert held.lines[-1] == b"1000\n"


def test_a_flood_is_jumped_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logtail, "MOST_BYTES", 10_000)
    monkeypatch.setattr(logtail, "PIECE", 1000)
    path = tmp_path / "a.log"
    path.write_text("start\n")
    tail, held = LogTail(path), Held()
    held.take(tail.newer())
    _append(path, "flood\n" * 100_000)
    _append(path, "end\n")
    assert held.take(tail.newer()).fresh
    assert held.lines[-1] == b"end\n"
    assert len(held.lines) < 200


@settings(max_examples=60)
@given(
    moves=st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(1, 40)),
            st.tuples(st.sampled_from(("newer", "older", "aside")), st.just(0)),
        ),
        max_size=40,
    )
)
def test_what_is_held_is_always_one_stretch_of_the_whole(
    moves: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("logs") / "a.log"
    path.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logtail, "MOST_LINES", 50)
        patch.setattr(logtail, "PIECE", 100)
        tail, held, written = LogTail(path), Held(), list[bytes]()
        for move, count in moves:
            if move == "write":
                fresh = [f"{len(written) + number}\n".encode() for number in range(count)]
                with path.open("ab") as file:
                    file.write(b"".join(fresh))
                written += fresh
            elif move == "aside":
                put_aside(path, 99)
                path.touch()
            else:
                held.take(tail.newer() if move == "newer" else tail.older())
                assert len(held.lines) <= 50
                if held.lines:
                    begin = written.index(held.lines[0])
                    assert held.lines == written[begin : begin + len(held.lines)]
        held.take(tail.end())
        assert not held.lines or held.lines[-1] == written[-1]
        tail.close()
