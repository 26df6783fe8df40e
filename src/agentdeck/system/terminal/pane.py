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
    return (_asked("capture-pane", "-p") or "").rstrip()


def history() -> tuple[int, bool] | None:
    """How many rows have scrolled out of our pane and are kept, and whether its alternate screen is shown; None where
    there is no pane."""
    told = (_asked("display-message", "-p", "#{history_size} #{alternate_on}") or "").split()
    return (int(told[0]), told[1] == "1") if len(told) == 2 and told[0].isdigit() else None


def scrolled(rows: int) -> list[str]:
    """The lines in the last so many rows that have scrolled out of our pane; wrapped ones are whole."""
    return (_asked("capture-pane", "-p", "-J", "-S", f"-{rows}", "-E", "-1") or "").splitlines()


def run_aside(line: str) -> None:
    """Let our tmux server run a shell line, which then is no process of ours."""
    _asked("run-shell", "-b", line.replace("#", "##"))


def _asked(command: str, *words: str) -> str | None:
    """What tmux answers about our own pane; None where there is none, or where tmux does not answer."""
    server, pane = _PLACE["TMUX"].split(",")[0], _PLACE["TMUX_PANE"]
    if not pane or not server:
        return None
    import subprocess

    try:
        argv = ["tmux", "-u", "-S", server, command, "-t", pane, *words]
        done = subprocess.run(argv, capture_output=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace")
