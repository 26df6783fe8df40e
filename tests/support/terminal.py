"""A real terminal for a real program: a tmux server of the test's own, driven and read as a person would."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.support.retry import eventually
from tests.support.sockets import end_server

_GONE = ("TMUX", "TMUX_PANE", "NO_COLOR", "COLUMNS", "LINES")


class Terminal:
    def __init__(self, socket: str) -> None:
        self.socket = socket

    def tmux(self, *args: str) -> str:
        argv = ["tmux", "-L", self.socket, "-f", "/dev/null", *args]
        environment = {name: value for name, value in os.environ.items() if name not in _GONE}
        return subprocess.run(argv, check=True, capture_output=True, text=True, env=environment).stdout

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names for them."""
        self.tmux("send-keys", "-t", "it", *keys)

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-t", "it", "-l", text)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", "it")

    def title(self) -> str:
        return self.tmux("display-message", "-p", "-t", "it", "#{pane_title}").strip()

    def sees(self, *texts: str, timeout: float = 30.0) -> str:
        """Wait until all of it is on the screen; return the screen."""
        screen = ""

        def shown() -> bool:
            nonlocal screen
            screen = self.screen()
            return all(text in screen for text in texts)

        try:
            eventually(shown, timeout)
        except AssertionError:
            raise AssertionError(f"{texts} did not come up:\n{screen}") from None
        return screen

    def sees_no_more(self, text: str, timeout: float = 30.0) -> None:
        try:
            eventually(lambda: text not in self.screen(), timeout)
        except AssertionError:
            raise AssertionError(f"{text} is still there:\n{self.screen()}") from None

    def resize(self, columns: int, rows: int) -> None:
        self.tmux("resize-window", "-t", "it", "-x", str(columns), "-y", str(rows))


@contextmanager
def terminal(argv: list[str], cwd: Path, size: tuple[int, int]) -> Iterator[Terminal]:
    """`argv` in a terminal of so many columns and rows; its exit code is printed when it ends."""
    made = Terminal(f"agentdeck-outer-{secrets.token_hex(4)}")
    # A handler, and not an ignored signal, which the program would inherit: a Ctrl-C is for the program alone.
    script = 'trap : INT; "$@"; echo "it exited with $?"; exec sleep 1000'
    line = ["sh", "-c", script, "sh", *argv]
    made.tmux("new-session", "-d", "-s", "it", "-x", str(size[0]), "-y", str(size[1]), "-c", str(cwd), *line)
    try:
        yield made
    finally:
        end_server(made.socket)


def dashboard(cwd: Path, size: tuple[int, int]) -> AbstractContextManager[Terminal]:
    return terminal([sys.executable, "-m", "agentdeck"], cwd, size)
