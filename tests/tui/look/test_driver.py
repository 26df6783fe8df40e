"""The terminal as the dashboard has it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time

from tests.support.decks import Bench


def test_a_terminal_that_is_gone_ends_the_dashboard_though_no_signal_says_so(bench: Bench) -> None:
    master, its_end = pty.openpty()
    program = ["sh", "-c", f"trap '' HUP; exec '{sys.executable}' -m agentdeck"]
    dashboard = subprocess.Popen(program, cwd=bench.root, stdin=its_end, stdout=its_end, stderr=its_end)
    os.close(its_end)
    try:
        painted, deadline = b"", time.monotonic() + 30
        while b"No agents" not in painted:
            assert time.monotonic() < deadline, painted[-1500:]
            if select.select([master], [], [], 0.1)[0]:
                painted += os.read(master, 65536)
    finally:
        os.close(master)
    try:
        assert dashboard.wait(30) == 128 + signal.SIGHUP
    finally:
        dashboard.kill()
        dashboard.wait()
