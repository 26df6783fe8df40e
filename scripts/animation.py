"""Render `screenshots/tour.svg`, the animated picture of README: the real dashboard with agents of the demo profile.

    make animation

The dashboard runs in a terminal of its own, keys are pressed as a person would, and what it prints is kept as an
asciicast; termtosvg (https://pypi.org/project/termtosvg) renders that.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from shots import TARGET, fill, leave, prepare, surroundings

_SIZE = (100, 28)
_KEYS = (
    (5.0, ""),
    (2.5, "y"),  # the question of the first agent
    (1.0, "'"),
    (2.0, "3"),
    (3.0, "d"),
    (3.5, "v"),
    (1.0, "\x1b"),
    (4.0, "g"),
    (1.0, "\x1b"),
    (1.0, "t"),
    (2.5, "m"),
    (4.0, "y"),
    (1.5, "\x1b"),
    (2.5, "u"),
    (3.0, "y"),
    (3.0, "Y"),
)
"""Seconds that are seen after each key."""
_LEAST, _MOST = 700, 2500
"""Milliseconds that a picture is seen."""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="agentdeck-tour-") as folder:
        surroundings(Path(folder))
        repository = Path(folder) / "shop"
        prepare(repository)
        try:
            fill(repository)
            cast = Path(folder) / "tour.cast"
            record(repository, cast)
        finally:
            leave(repository)
        render(cast, TARGET / "tour.svg")


def record(repository: Path, cast: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(repository)
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.execv(sys.executable, [sys.executable, "-m", "agentdeck"])  # noqa: S606 - this is the terminal's program
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", _SIZE[1], _SIZE[0], 0, 0))
    begun = time.monotonic()
    with cast.open("w") as file:
        file.write(json.dumps({"version": 2, "width": _SIZE[0], "height": _SIZE[1]}) + "\n")
        for seconds, key in _KEYS:
            os.write(terminal, key.encode())
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0:
                if select.select([terminal], [], [], left)[0]:
                    text = os.read(terminal, 1 << 16).decode("utf-8", "replace")
                    file.write(json.dumps([round(time.monotonic() - begun, 3), "o", text]) + "\n")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def render(cast: Path, target: Path) -> None:
    argv = ["termtosvg", "render", str(cast), str(target), "-D", "2000", "-m", str(_LEAST), "-M", str(_MOST)]
    subprocess.run([sys.executable, "-m", *argv], check=True)
    # A font that is there, in place of one that lies on the web.
    text = re.sub(
        r"font-family: [^;]*;", "font-family: 'DejaVu Sans Mono', Menlo, Consolas, monospace;", target.read_text()
    )
    target.write_text(text)
    sys.stderr.write(f"{target.name}: {target.stat().st_size // 1024} KiB\n")


if __name__ == "__main__":
    main()
