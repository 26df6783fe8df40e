"""A program that can't be started leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentdeck.system.terminal.pty import PtyRelay


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd" if Path("/proc/self/fd").exists() else "/dev/fd"))  # noqa: PTH208


@pytest.mark.parametrize("cause", ["no process is left", "no such program"])
def test_no_descriptor_is_left_open(monkeypatch: pytest.MonkeyPatch, cause: str) -> None:
    def no_fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    relay = PtyRelay(lambda data: None, lambda now: None)
    if cause == "no process is left":
        monkeypatch.setattr(os, "fork", no_fork)
    before = open_descriptors()
    for _ in range(3):
        with pytest.raises(OSError, match="unavailable|No such file"):
            relay.run(["/nowhere/program"], "/", {}, lambda pid: None)
    assert open_descriptors() == before
    os.close(relay._signals_read)
    os.close(relay._signals_write)
