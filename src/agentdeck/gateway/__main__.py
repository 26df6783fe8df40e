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
import os
import sys
from functools import partial
from pathlib import Path

from agentdeck.errors import DeckError, ExitCode
from agentdeck.system.files.files import private_folder, take_lock
from agentdeck.system.gateway.files import LOCK


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
            from agentdeck.gateway.process import run  # the guardian does without its 8 MB

            run(state, config, keys, told, died)
        finally:
            os.close(lock)
    except DeckError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"The gateway can't use {state}.\n{error}\n")
        return ExitCode.FAILED
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
