"""The gateway's process: `python -m agentdeck.gateway --state DIR --config FILE`.

`--config` is a JSON file, `{"decks": {DECK: {"providers": …, "tiers": …, "gateway": …, "budgets": …}}, "stores": …}`
with the tables of `agentdeck.toml` (`Config.plan().model_dump(mode="json")`); DECK is the name in the agents' tokens,
`""` stands for every other. A change of the file is taken up by itself. Keys are read from this process's environment
by the names in `key_env`, or are handed over by a deck (`gateway.operator`).

`system.gateway_files` says what lies in `--state` (folder 0700, files 0600). The port is the last one if that is free,
so that agents that run find it again after a restart. A second process says that there is one, and exits with 4. With
`--guarded` a small parent starts it again where it dies (`gateway.guardian`).

TERM and INT end it: nothing new is accepted, and requests under way have five seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path

from agentdeck.errors import DeckError, ExitCode
from agentdeck.system.files.files import private_folder, read_json, take_lock, write_json
from agentdeck.system.gateway.files import ADDRESS, LOCK

GRACE_SECONDS = 5.0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m agentdeck.gateway", description="The failover gateway.")
    parser.add_argument("--state", type=Path, required=True, help="folder for its state")
    parser.add_argument("--config", type=Path, required=True, help="JSON file with a plan for each deck")
    parser.add_argument("--guarded", action="store_true", help="start it again where it dies")
    options = parser.parse_args(argv)
    os.umask(0o077)
    if not options.guarded:
        return serve(options.state, options.config, {}, -1, "")
    from agentdeck.gateway.guardian import Guardian

    return Guardian(options.state, partial(serve, options.state, options.config)).run()


def serve(state: Path, config: Path, keys: dict[str, dict[str, str]], told: int, died: str) -> int:
    """Serve until a signal ends it. Every change of the `keys` is written to the descriptor `told`, if it is one;
    `died` is how the gateway before this one ended, where it should not have."""
    try:
        private_folder(state)
        lock = take_lock(state / LOCK, what="the gateway")
        try:
            asyncio.run(_run(state, config, keys, told, died))
        finally:
            os.close(lock)
    except DeckError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"The gateway can't use {state}.\n{error}\n")
        return ExitCode.FAILED
    return ExitCode.OK


async def _run(state: Path, config: Path, keys: dict[str, dict[str, str]], told: int, died: str) -> None:
    from aiohttp import web

    from agentdeck.gateway.plans import Plans
    from agentdeck.gateway.server import Gateway

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


if __name__ == "__main__":
    sys.exit(main())
