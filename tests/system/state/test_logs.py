"""A log is read while it is written and put aside: every line is seen, once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agentdeck.system.state.logs import LogLine, follow_log, read_log, read_raw, with_screen
from agentdeck.system.state.logtail import LogTail
from agentdeck.system.state.recording import Recorder, put_aside

COUNT = 3000


def record(folder: Path, maximum: int, keep: int) -> Recorder:
    return Recorder(folder / "a.cast", folder / "a ü.log", maximum=maximum, keep=keep, size=(80, 24))


def test_following_misses_no_line_and_tells_none_twice_however_often_files_are_put_aside(tmp_path: Path) -> None:
    recorder = record(tmp_path, maximum=4096, keep=1000)
    ended = threading.Event()

    def write() -> None:
        for number in range(COUNT):
            recorder.log_text(recorder.output(f"lïne {number}\r\n".encode()))
            if number % 100 == 0:
                time.sleep(0.005)
        recorder.close()
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    lines = [line.text for line in follow_log(tmp_path / "a ü.log", since=None, grep=None, until=ended.is_set)]
    writer.join()
    assert lines == [f"lïne {number}" for number in range(COUNT)]
    assert len(list(tmp_path.glob("a ü.*.log"))) > 20
    assert [line.text for line in read_log(tmp_path / "a ü.log")] == lines
    assert b"".join(read_raw(tmp_path / "a.cast")).count(b"\n") == COUNT


def test_what_comes_between_reading_and_waiting_is_followed_too(tmp_path: Path) -> None:
    recorder = record(tmp_path, maximum=10**9, keep=1)
    recorder.log_text(recorder.output(b"first\r\n"))
    followed = follow_log(tmp_path / "a ü.log", since=None, grep=None, until=lambda: True)
    assert next(followed).text == "first"
    recorder.log_text(recorder.output(b"second\r\n"))
    put_aside(tmp_path / "a ü.log", 1)
    recorder.log_text(recorder.output(b"third\r\n"))  # it still writes to the file that was put aside
    assert [line.text for line in followed] == ["second", "third"]
    recorder.close()


def test_a_log_whose_file_was_deleted_goes_on_with_the_next(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("2026-01-01T00:00:00Z one\n")
    told = iter([False, False, True])
    followed = follow_log(path, since=None, grep=None, until=lambda: next(told))
    assert next(followed).text == "one"
    path.unlink()
    (tmp_path / "new").write_text("2026-01-01T00:00:00Z two\n")
    (tmp_path / "new").rename(path)
    assert [line.text for line in followed] == ["two"]


def test_there_is_nothing_to_read_where_there_is_no_log(tmp_path: Path) -> None:
    assert list(read_log(tmp_path / "no.log")) == []
    assert list(read_raw(tmp_path / "no.cast")) == []


def test_what_is_on_the_screen_and_not_in_the_log_yet_comes_after_it() -> None:
    lines = [LogLine(1.0, "scrolled away"), LogLine(2.0, "printed")]
    found = list(with_screen(lines, ["printed  ", "", "> asks something", "", ""]))
    assert [line.text for line in found] == ["scrolled away", "printed", "", "> asks something"]
    assert found[:2] == lines


@pytest.mark.parametrize("put", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_in_the_place_of_a_log_is_refused_and_not_waited_for(
    put: Callable[[Path], None], tmp_path: Path
) -> None:
    put(tmp_path / "a.log")
    with pytest.raises(OSError, match=r"a\.log"):
        list(read_log(tmp_path / "a.log"))
    with pytest.raises(OSError, match=r"a\.log"):
        LogTail(tmp_path / "a.log").newer()
