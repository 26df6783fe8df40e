"""Programs that behave badly, for tests of what has to bear them.

python -m tests.support.bad_children KIND [FILE]
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable


def stubborn() -> None:
    """Ignores every signal that can be ignored."""
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
            try:
                signal.signal(number, signal.SIG_IGN)
            except OSError:
                continue
    sys.stdout.write("stubborn\n")
    sys.stdout.flush()
    while True:
        time.sleep(1)


def daemon(path: str) -> None:
    """Leaves a process behind that has left its parents, its session and its terminal, and writes its pid to a file."""
    if os.fork():
        time.sleep(600)
    os.setsid()
    if os.fork():
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    with open(f"{path}.new", "w") as file:  # noqa: PTH123
        file.write(str(os.getpid()))
    os.rename(f"{path}.new", path)  # noqa: PTH104
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)


def hidden(path: str, kind: str, port: str = "") -> None:
    """Leaves a daemon behind that has cleared its environment, has another name, and adds its pid to a file.

    KIND: `plain`, `stubborn` (ignores what it can), `again` (makes another daemon of itself on TERM).
    """
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.closerange(0, 256)
    for _ in range(3):
        os.open(os.devnull, os.O_RDWR)
    os.execve(sys.executable, ["[kworker/0:1]", "-I", __file__, "stay", path, kind, port], {})


def _again(path: str) -> None:
    hidden(path, "again")
    os._exit(0)


def stay(path: str, kind: str, port: str) -> None:
    if port:
        server = socket.create_server(("127.0.0.1", int(port)))
        server.listen()
    with open(path, "a") as file:  # noqa: PTH123
        file.write(f"{os.getpid()}\n")
    if kind == "stubborn":
        stubborn()
    if kind == "again":
        signal.signal(signal.SIGTERM, lambda number, frame: _again(path))
    time.sleep(600)


def flood(megabytes: str) -> None:
    """Prints without a line end."""
    piece = b"x" * 65536
    for _ in range(int(megabytes) * 16):
        os.write(1, piece)


def binary(megabytes: str) -> None:
    for _ in range(int(megabytes)):
        os.write(1, os.urandom(1 << 20))


if __name__ == "__main__":
    kinds: dict[str, Callable[..., None]] = {
        each.__name__: each for each in (stubborn, daemon, hidden, stay, flood, binary)
    }
    kinds[sys.argv[1]](*sys.argv[2:])
