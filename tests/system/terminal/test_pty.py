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


@pytest.mark.parametrize("stty", ["sane", "raw"])
def test_a_terminal_edits_lines_until_its_program_says_otherwise(stty: str) -> None:
    seen: list[bool] = []
    out = bytearray()

    def look(now: float) -> float:
        if b"ready" in out and not seen:
            seen.append(relay.edits_lines())
            relay.send(b"x\r")
        return now + 0.01

    with PtyRelay(out.extend, look) as relay:
        relay.run(
            ["/bin/sh", "-c", f"stty {stty}; echo ready; dd bs=2 count=1 2>&-"], "/", os.environ, lambda pid: None
        )
    assert seen == [stty == "sane"]
    assert not relay.edits_lines(), "its terminal is gone"
