"""Begin as an agent's runner: take its lock, then load all that it needs. Who starts an agent waits for the lock."""

from __future__ import annotations

import os
import signal
import sys

from agentdeck.system.files.lockfile import try_lock
from agentdeck.system.machine.stopsignals import STOP_SIGNALS


def main() -> int:
    # Who sees the lock may tell us to stop, before we are ready to hear it.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    # All that it writes is told from here, so that it goes on when the repository is moved meanwhile.
    os.chdir(os.path.dirname(sys.argv[1]))  # noqa: PTH120 - pathlib is loaded after the lock is taken
    lock = try_lock("runner.lock")
    from pathlib import Path

    from agentdeck.errors import DeckError
    from agentdeck.system.files.files import read_json, take_lock

    try:
        orders = read_json(Path("orders.json"))
        if lock is None:
            lock = take_lock(Path("runner.lock"), what=f"agent {orders['agent']}")
        from agentdeck.engine.runner.runner import run

        return run(orders, lock)
    except DeckError as error:
        sys.stderr.write(f"agentdeck: {error}\n")
        return int(error.exit_code)


if __name__ == "__main__":
    sys.exit(main())
