"""Serves on loopback until a signal ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

from aiohttp import web

from agentdeck.gateway.plans import Plans
from agentdeck.gateway.server import Gateway
from agentdeck.system.files.files import read_json, write_json
from agentdeck.system.gateway.files import ADDRESS

GRACE_SECONDS = 5.0


def run(state: Path, config: Path, keys: dict[str, dict[str, str]], told: int, died: str) -> None:
    """See `serve` in `__main__`."""
    asyncio.run(_run(state, config, keys, told, died))


async def _run(state: Path, config: Path, keys: dict[str, dict[str, str]], told: int, died: str) -> None:
    gateway = Gateway(state, Plans(config), os.environ, keys, told)
    if died:
        gateway.tell_restart(died)
    runner = gateway.runner(GRACE_SECONDS)
    await runner.setup()
    listener = _listen(state)
    try:
        await web.SockSite(runner, listener, backlog=512).start()
        port = listener.getsockname()[1]
        address = {"pid": os.getpid(), "port": port, "url": f"http://127.0.0.1:{port}", "started": time.time()}
        write_json(state / ADDRESS, address)
        sys.stderr.write(f"The gateway listens on 127.0.0.1:{port}.\n")
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await stop.wait()
    finally:
        await runner.cleanup()


def _listen(state: Path) -> socket.socket:
    try:
        last = int(read_json(state / ADDRESS)["port"])
    except (OSError, ValueError, KeyError, TypeError):
        last = 0
    for port in (last, 0):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            if port == 0:
                raise
        else:
            return listener
    raise AssertionError("unreachable")
