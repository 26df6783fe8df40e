"""Standard input and output of an agent's CLI, to the deck's tools of that agent: `python -m agentdeck.mcp.connect
FOLDER`. Who calls is known by the socket in the agent's folder. Standard library only: it starts at once."""

from __future__ import annotations

import os
import select
import socket
import sys
from pathlib import Path

from agentdeck.system.machine.callers import connect

_CHUNK = 65536


def main() -> int:
    try:
        server = connect(Path(sys.argv[1]))
    except OSError as error:
        sys.stderr.write(f"agentdeck: the agent's tools can't be reached: {error.strerror}\n")
        return 1
    with server:
        return _relay(server)


def _relay(server: socket.socket) -> int:
    reading = [0, server.fileno()]
    while server.fileno() in reading:
        ready, _, _ = select.select(reading, [], [])
        for descriptor in ready:
            data = os.read(descriptor, _CHUNK)
            if not data:
                reading.remove(descriptor)
                if descriptor == 0:
                    server.shutdown(socket.SHUT_WR)
            elif descriptor == 0:
                server.sendall(data)
            else:
                _write(data)
    return 0


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    sys.exit(main())
