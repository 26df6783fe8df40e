"""The tmux pane that this process runs in. Apart from tmux.py, because the runner must start without its imports."""

from __future__ import annotations

import os

_TIMEOUT = 1.0


def capture() -> str:
    """The text in our own pane; empty where there is none, or where tmux does not answer."""
    pane, server = os.environ.get("TMUX_PANE"), os.environ.get("TMUX", "").split(",")[0]
    if not pane or not server:
        return ""
    import subprocess

    try:
        argv = ["tmux", "-u", "-S", server, "capture-pane", "-p", "-t", pane]
        done = subprocess.run(argv, capture_output=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").rstrip()
