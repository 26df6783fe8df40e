from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.core.box.box import Box, read, write
from agentdeck.core.box.bubblewrap import wrap
from agentdeck.errors import RefusedError
from agentdeck.system.box.bubblewrap import syscall_filter
from agentdeck.system.machine import stillness
from agentdeck.system.machine.stillness import held_still
from tests.support.boxes import skip_without_box
from tests.support.retry import eventually

BUSY = """
import ctypes, os, sys, threading, time
def work(path):
    while True:
        open(path, "w").close()
if os.fork() == 0:
    while True:  # each starts another and ends
        if os.fork():
            os._exit(0)
        open("forks", "a").write(".")
        time.sleep(0.001)
threading.Thread(target=work, args=("thread",)).start()
if os.fork() == 0:
    work("child")
ctypes.CDLL(None).pthread_exit(None)  # the process seems to have ended
"""
TRACES = ("forks", "thread", "child")


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[int]:
    skip_without_box()
    box = wrap(Box((read("/"), write(str(tmp_path)))), "bwrap", syscall_filter())
    made = subprocess.Popen([*box, sys.executable, "-c", BUSY], cwd=tmp_path, start_new_session=True)
    eventually(lambda: all((tmp_path / name).exists() for name in TRACES), 10)
    yield made.pid
    made.kill()
    made.wait()


def changed(folder: Path) -> list[int]:
    return [(folder / name).stat().st_mtime_ns for name in TRACES]


def go_on(folder: Path) -> bool:
    before = changed(folder)
    time.sleep(0.05)
    return all(new != old for new, old in zip(changed(folder), before, strict=True))


def test_nothing_happens_in_the_block_and_all_goes_on_after_it(tmp_path: Path, busy: int) -> None:
    for _ in range(3):
        with held_still(busy, "fox"):
            before = changed(tmp_path)
            time.sleep(0.1)
            assert changed(tmp_path) == before
        eventually(lambda: go_on(tmp_path), 10)


def test_it_goes_on_where_the_holder_is_killed(tmp_path: Path, busy: int) -> None:
    script = "import os; from agentdeck.system.machine.stillness import held_still\n"
    script += f"with held_still({busy}, 'fox'): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    eventually(lambda: go_on(tmp_path), 10)


def test_what_can_not_be_stopped_is_refused(tmp_path: Path, busy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stillness, "_PATIENCE", 0.2)
    monkeypatch.setattr(stillness, "_stop_all", lambda enter, name: None)
    with pytest.raises(RefusedError, match="The processes of fox can't be held still"), held_still(busy, "fox"):
        pass
    eventually(lambda: go_on(tmp_path), 10)
