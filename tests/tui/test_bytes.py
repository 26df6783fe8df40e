"""The real program on a terminal: whatever an agent prints, commits or names, no byte of it does anything."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.decks import Bench
from tests.tui.panes.opened import begin

EVIL = (
    b"\x1b]0;PWNED\x07\x1b]52;c;UFdORUQ=\x07\x1b[2J\x1b[9;9Hmoved\xe2\x80\xaegnp.exe \xc2\x9b31;1H \x1bP+q\x1b\\ "
    b"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\ \xe2\x81\xa6\xe2\x80\x8b\xff end-of-evil"
)
_OWN_TITLE = re.compile(rb"\x1b\]2;[^\x07\x1b]*(?:\x07|\x1b\\)")


class Terminal:
    def __init__(self, master: int) -> None:
        self.master, self.got = master, b""

    def press(self, keys: bytes, wait_for: bytes, timeout: float = 30.0) -> None:
        """Press keys, and read until that is printed."""
        begun, deadline = len(self.got), time.monotonic() + timeout
        os.write(self.master, keys)
        while wait_for not in self.got[begun:]:
            assert time.monotonic() < deadline, (wait_for, re.sub(rb"\x1b\[[0-9;]*m", b"", self.got[begun:])[-1500:])
            if select.select([self.master], [], [], 0.1)[0]:
                self.got += os.read(self.master, 65536)


@contextmanager
def dashboard(bench: Bench) -> Iterator[Terminal]:
    pid, master = pty.fork()
    if pid == 0:
        # Before the program begins, for it might miss a change of the size while it does.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        os.chdir(bench.root)
        os.execv(sys.executable, [sys.executable, "-m", "agentdeck"])
    try:
        yield Terminal(master)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)


def test_nothing_that_an_agent_makes_reaches_the_terminal_but_text(bench: Bench) -> None:
    shown = bench.root.parent / "evil.bin"
    shown.write_bytes(EVIL + b"\n")
    view = begin(bench, "evil", f"cat '{shown}'; exec sleep 1000")
    tree = view.worktree
    assert tree is not None
    (tree / "n\x1b]0;PWNED\x07\u202e\x9b.txt").write_bytes(EVIL + b"\n")
    bench.git("add", "-A", cwd=tree)
    message = EVIL.replace(b"\xff", b"")
    subprocess.run(["git", "commit", "-q", "-F", "-"], input=message, cwd=tree, check=True)
    (tree / "more.txt").write_bytes(EVIL)
    with dashboard(bench) as terminal:
        terminal.press(b"", b"evil")
        terminal.press(b"z", b"end-of-evil")
        terminal.press(b"l", b"end-of-evil")
        terminal.press(b"\x12", b"at its end", timeout=90)  # it takes as long as what was recorded
        terminal.press(b"\x1b", b"speed")
        terminal.press(b"d", b"Committed since main")
        terminal.press(b"h", b"that main lacks")
        terminal.press(b"\r", b"returns to the list")
        terminal.press(b"e", b"starting")
        terminal.press(b"t", b"end-of-evil")
        got = _OWN_TITLE.sub(b"", terminal.got)
    assert set(re.findall(rb"\x1b\](\d*)", got)) <= {b"22"}
    for mark in ("\u202e", "\u2066", "\u200b", "\x9b", "\u009b31"):
        assert mark.encode() not in got
    assert not re.search(rb"\x1b[PX^_](?!\?)", got)
    assert b"PWNED" not in b"".join(_OWN_TITLE.findall(terminal.got))
    for sign in ("n␛]0;PWNED␇<U+202E><U+009B>.txt", "<U+202E>gnp.exe"):
        assert sign.encode() in got
