"""How the dashboard feels, as ratios to yardsticks of the same run.

    python bench/dashboard.py [AGENTS [MANY]]

The real program in a pseudo-terminal of 200 by 50, over a throw-away deck whose agents are processes in a real tmux.
A paint is the moment when the bytes of what is waited for have come out of the terminal. The yardstick of the first
paint is `python -c "import textual.app"`, of the others an echo through the same pseudo-terminal.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common import counted, milli, repository, row, run, tell, timed

COLUMNS, ROWS = 200, 50
KEYS = 60
LOUD = 20
MANY = 200
TILES = 9
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P].*?(?:\x07|\x1b\\)|[()][0B]|[=>78])", re.DOTALL)
_LINES = "import time\nwhile 1: print('a line of what this agent prints\\n' * 100, end=''), time.sleep(0.1)"
_NOISE = f'exec python3 -c "{_LINES}"'
"""A thousand lines a second."""


class Screen:
    """The program in a terminal, and the clock."""

    def __init__(self, argv: list[str], cwd: Path) -> None:
        self.begun = time.perf_counter()
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
            os.execvp(argv[0], argv)
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.text = b""

    def until(self, *marks: bytes, timeout: float = 30.0) -> float:
        """Read until all marks have come; return the moment. What is read is forgotten."""
        deadline = time.perf_counter() + timeout
        while not all(mark in _ESCAPES.sub(b"", self.text) for mark in marks):
            left = deadline - time.perf_counter()
            if left <= 0 or not select.select([self.end], [], [], left)[0]:
                raise SystemExit(f"{marks} did not come: {_ESCAPES.sub(b'', self.text)[-2000:]!r}")
            self.text += os.read(self.end, 1 << 20)
        now = time.perf_counter()
        self.text = b""
        return now

    def paint_after(self, key: bytes, mark: bytes) -> float:
        """Press a key; return the seconds until `mark` is painted, which nothing but such a key paints."""
        self.drain(0.0)
        begun = time.perf_counter()
        os.write(self.end, key)
        self.until(mark, timeout=10)
        return time.perf_counter() - begun

    def drain(self, seconds: float) -> None:
        deadline = time.perf_counter() + seconds
        while select.select([self.end], [], [], max(0.0, deadline - time.perf_counter()))[0]:
            try:
                os.read(self.end, 1 << 20)
            except OSError:  # the program has ended
                break
        self.text = b""

    def close(self) -> None:
        os.write(self.end, b"q")
        deadline = time.perf_counter() + 10
        while time.perf_counter() < deadline:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                os.close(self.end)
                return
            self.drain(0.05)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def dashboard(repository: Path) -> Iterator[Screen]:
    screen = Screen(["agentdeck"], repository)
    try:
        yield screen
    finally:
        screen.close()


def main() -> None:
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    many = int(sys.argv[2]) if len(sys.argv) > 2 else MANY
    with repository() as root:
        measure(root, agents)
    if many > agents:
        with repository() as root:
            crowd(root, many)


def crowd(repository: Path, agents: int) -> None:
    """The same with so many agents that nobody looks at all of them."""
    for number in range(agents):
        begin(repository, f"agent-{number:02}", "exec cat")
    first_paint(repository, agents)
    with dashboard(repository) as screen:
        screen.until(b"agent-00")
        quiet(screen, agents)


def measure(repository: Path, agents: int) -> None:
    started = 0
    for count in sorted({1, min(10, agents), agents}):
        while started < count:
            begin(repository, f"agent-{started:02}", "exec cat")
            started += 1
        first_paint(repository, count)
        with dashboard(repository) as screen:
            screen.until(b"agent-00")
            quiet(screen, count)
            if count == agents:
                echo(repository, screen)
            if count >= TILES:
                grid(screen, count)
    started = 0
    for count in sorted({1, min(10, LOUD), LOUD}):
        while started < count:
            begin(repository, f"loud-{started:02}", _NOISE)
            started += 1
        with dashboard(repository) as screen:
            screen.until(f"{agents + count} working".encode())
            screen.drain(10.0)
            keys(screen, agents + count, f"{counted(count)} of 1,000 lines/s and {agents} quiet")
            if count == LOUD:
                grid(screen, agents + count, f", {LOUD} of 1,000 lines/s")


def begin(repository: Path, name: str, script: str) -> None:
    argv = ["agentdeck", "-C", str(repository), "run", "--detach", "-n", name, "--", "sh", "-c", script]
    subprocess.run(argv, check=True, capture_output=True)


def first_paint(repository: Path, agents: int) -> None:
    ours, yardstick = [], []
    for _ in range(4):
        with dashboard(repository) as screen:
            ours.append(screen.until(b"agent-00", b"quit") - screen.begun)
        yardstick.append(timed(lambda: run(sys.executable, "-c", "import textual.app")))
    row(f"dashboard's first paint, {counted(agents)}", ours, "python -c import textual.app", yardstick)


def quiet(screen: Screen, agents: int) -> None:
    # Until git and the radar have been asked about all of them.
    screen.drain(10.0 + agents)
    before, begun = screen.cpu(), time.perf_counter()
    screen.drain(20.0)
    share = (screen.cpu() - before) / (time.perf_counter() - begun)
    tell(f"dashboard, idle with {counted(agents)}, quiet", f"{share * 100:.1f} % of a core", goal="0.5 %")
    keys(screen, agents, f"{counted(agents)}, quiet")


def grid(screen: Screen, agents: int, beside: str = "") -> None:
    """Go from cell to cell of nine live screens; the frame of the one that gets the keys is painted bright."""
    os.write(screen.end, b"g")
    screen.until(b"Grid", f"{TILES} of {agents} running".encode() if agents > TILES else b"running")
    screen.drain(3.0)
    before, begun = screen.cpu(), time.perf_counter()
    paints = []
    for _ in range(KEYS):
        paints.append(screen.paint_after(b"\x1b[B", "╭".encode()))
        screen.drain(0.15)
    share = (screen.cpu() - before) / (time.perf_counter() - begun)
    tell_keys(f"grid of {TILES}{beside}", paints, share)
    os.write(screen.end, b"\x1b")
    screen.drain(1.0)


def echo(repository: Path, screen: Screen) -> None:
    """From what the selected agent prints to the screen, beside the same through a bare terminal."""
    ours, yardstick = [], []
    tmux = ["tmux", "-L", os.environ["AGENTDECK_TMUX_SOCKET"]]
    listed = subprocess.check_output([*tmux, "list-windows", "-a", "-F", "#{session_name}"], text=True)
    session = listed.split()[0]
    os.write(screen.end, b"\x1b[H")
    screen.drain(1.5)
    for number in range(12):
        text = f"echo-{number}-{os.getpid()}"
        begun = time.perf_counter()
        subprocess.run([*tmux, "send-keys", "-t", f"={session}:=agent-00", text, "Enter"], check=True)
        ours.append(screen.until(text.encode()) - begun)
        screen.drain(0.4)
        yardstick.append(timed(lambda: run(*tmux, "display-message", "-p", "x")))
    row("from an agent's output to the dashboard", ours, "tmux display-message", yardstick)


def keys(screen: Screen, agents: int, what: str) -> None:
    """Press keys that move the selection, or change the tab of the only agent; tell how long each takes to be painted,
    and what all of it costs."""
    before, begun = screen.cpu(), time.perf_counter()
    paints, rows = [], min(10, agents - 1)
    for number in range(KEYS):
        if agents > 1:
            # The bar before the selected row moves.
            down = number % (2 * rows) < rows
            paints.append(screen.paint_after(b"\x1b[B" if down else b"\x1b[A", "▌".encode()))
        else:
            paints.append(screen.paint_after(b"t" if number % 2 else b"l", b" "))
        screen.drain(0.15)
    share = (screen.cpu() - before) / (time.perf_counter() - begun)
    tell_keys(what, paints, share)
    tell(f"dashboard's memory, {what}", f"{screen.memory():.0f} MB")


def tell_keys(what: str, paints: list[float], share: float) -> None:
    """Seconds from each key to what it paints, and the share of a core meanwhile."""
    paints = sorted(paints)
    tell(f"key to paint, {what}, median", milli(statistics.median(paints)))
    tell(f"key to paint, {what}, 95 % within", milli(paints[int(len(paints) * 0.95)]))
    tell(f"dashboard, {what}, keys", f"{share * 100:.0f} % of a core")


if __name__ == "__main__":
    main()
