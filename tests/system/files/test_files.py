from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agentdeck.errors import BusyError
from agentdeck.system.files.files import (
    append_line,
    is_locked,
    lock_holder,
    locked,
    private_folder,
    take_lock,
    write_atomic,
)
from tests.support.retry import eventually

HOLDER = """
import sys, time
from pathlib import Path
from agentdeck.system.files.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_written_file_is_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "ünï code.json"
    write_atomic(path, "old")
    write_atomic(path, "new\udcff")
    assert path.read_bytes() == b"new\xff"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")
    with pytest.raises(TypeError):
        write_atomic(path, 3)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_private_folders_are_0700(tmp_path: Path) -> None:
    assert stat.S_IMODE(private_folder(tmp_path / "a").stat().st_mode) == 0o700


def test_a_lock_is_exclusive_across_processes_and_ends_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_locked(path)
        with pytest.raises(BusyError, match="the deck"), locked(path, wait=0.1, what="the deck"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        eventually(lambda: not is_locked(path))
        with locked(path):
            assert is_locked(path)
        assert not is_locked(path)
    finally:
        holder.kill()
        holder.wait()


def test_looking_whether_a_lock_is_held_keeps_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    os.close(take_lock(path))
    script = (
        "import sys; from pathlib import Path; from agentdeck.system.files.files import is_locked\n"
        "print('looking', flush=True)\nwhile True: is_locked(Path(sys.argv[1]))"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE) as looking:
        assert looking.stdout is not None
        looking.stdout.readline()
        try:
            for _ in range(500):
                os.close(take_lock(path))
        finally:
            looking.kill()


def test_who_looks_and_is_held_up_keeps_nobody_out_either(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    looker = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(looker, fcntl.LOCK_SH)
    timer = threading.Timer(0.3, os.close, [looker])
    timer.start()
    os.close(take_lock(path))
    timer.join()


def test_the_holder_of_a_lock_whose_folder_was_just_taken_away_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentdeck.system.files.files.is_locked", lambda path: True)
    assert lock_holder(tmp_path / "gone" / "lock") is None


def test_lines_of_many_processes_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "log"
    script = (
        "import sys; from pathlib import Path; from agentdeck.system.files.files import append_line\n"
        "for _ in range(200): append_line(Path(sys.argv[1]), sys.argv[2] * 500)"
    )
    children = [subprocess.Popen([sys.executable, "-c", script, str(path), char]) for char in "abcd"]
    assert [child.wait() for child in children] == [0, 0, 0, 0]
    lines = path.read_text().splitlines()
    assert len(lines) == 800
    assert set(lines) == {char * 500 for char in "abcd"}


def test_append_line_keeps_undecodable_bytes(tmp_path: Path) -> None:
    append_line(tmp_path / "log", "a\udcff")
    assert (tmp_path / "log").read_bytes() == b"a\xff\n"
