"""A socket in a folder that starts a program for each process that connects, as inetd does, with the connection as its
standard input and output. Only processes of our own may connect: who calls is known by that, and needs no secret.

Standard library only: the runner uses it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentdeck.system.machine.tree import descends

SOCKET = "deck.sock"
_AT_ONCE = 8
_LOCAL_PEERPID = 2
"""macOS: <sys/un.h>."""
_PEER = struct.Struct("3i")


class Callers:
    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """In the current folder: the path of a socket may have only some hundred bytes."""
        self._argv, self._env = list(argv), dict(env)
        Path(SOCKET).unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.bind(SOCKET)
        Path(SOCKET).chmod(0o600)
        self._socket.listen(_AT_ONCE)

    def fileno(self) -> int:
        return self._socket.fileno()

    def take(self) -> None:
        """Serve who has called, and turn others away."""
        with contextlib.suppress(OSError):  # it may have gone again
            connection = self._socket.accept()[0]
            with connection:
                if descends(_peer(connection), os.getpid()):
                    self._start(connection.fileno())

    def _start(self, descriptor: int) -> None:
        files = [(os.POSIX_SPAWN_DUP2, descriptor, 0), (os.POSIX_SPAWN_DUP2, descriptor, 1)]
        default = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGWINCH]
        files.append((os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0))  # type: ignore[arg-type]
        os.posix_spawn(self._argv[0], self._argv, self._env, file_actions=files, setsigmask=(), setsigdef=default)


def connect(folder: Path) -> socket.socket:
    """The connection to the program of the agent whose folder this is. Raise OSError where nobody answers."""
    os.chdir(folder)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.connect(SOCKET)
    return made


def _peer(connection: socket.socket) -> int:
    if sys.platform == "darwin":
        return int(connection.getsockopt(0, _LOCAL_PEERPID))
    pid: int = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[0]
    return pid
