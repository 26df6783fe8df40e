"""The tmux pane that this process runs in. Apart from tmux.py, because the runner must start without its imports."""

from __future__ import annotations

import os

_TIMEOUT = 1.0
_PLACE = {"TMUX": "", "TMUX_PANE": ""}
"""The values of tmux's own variables for our pane."""


def move_in() -> None:
    """Remember the pane that the environment names, and take it out of that: no program that we start may find the
    server that all agents run in."""
    for name in _PLACE:
        _PLACE[name] = os.environ.pop(name, "")


def capture() -> str:
    """The text in our own pane; empty where there is none, or where tmux does not answer."""
    server, pane = _PLACE["TMUX"].split(",")[0], _PLACE["TMUX_PANE"]
    if not pane or not server:
        return ""
    import subprocess

    try:
        argv = ["tmux", "-u", "-S", server, "capture-pane", "-p", "-t", pane]
        done = subprocess.run(argv, capture_output=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").rstrip()
