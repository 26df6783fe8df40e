"""What a box costs: the start of a program in it, and what its output takes through the pane.

    python bench/box.py [RUNS]

The command line of an agent's box, as its orders have it, runs `true`; in a `full` box the runner's part makes its
network meanwhile. The yardstick is `true` alone, in turn. Then an agent prints 5 MB in each kind of box.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from common import repository, row, run, timed
from ingest import LINE, PRINT, seconds

from agentdeck.core.agents.orders import Orders
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest
from agentdeck.system.box.joined import JoinedNetwork
from agentdeck.system.files.files import read_json

RUNS = 30
MEGABYTES = 5


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with repository() as root:
        deck = Deck.find(root)
        orders = {mode: orders_of(deck, mode) for mode in ("files", "full")}
        times: dict[str, list[float]] = {"bare": [], "files": [], "full": []}
        for _ in range(runs):
            times["bare"].append(timed(lambda: subprocess.run(["true"], check=True)))
            for mode, told in orders.items():
                times[mode].append(timed(lambda told=told: start(told)))
        for mode in orders:
            row(f"start in a box, {mode}", times[mode], "start without one", times["bare"])
        output(root)


def orders_of(deck: Deck, mode: str) -> Orders:
    deck.start(StartRequest(name=mode, argv=("sleep", "1000"), box=mode))
    return Orders.from_json(read_json(deck.store.agent_folder(mode) / "orders.json"))


def start(orders: Orders) -> None:
    os.chdir(orders.folder)
    if orders.network is None:
        subprocess.run([*orders.box, "true"], cwd=orders.cwd, check=True)
        return
    joined = JoinedNetwork(orders.network)
    process = spawned([*joined.told(orders.box), "true"], orders.cwd)
    joined.started(Path("bench.jsonl"), "")
    process.wait()
    joined.end()


def spawned(argv: Sequence[str], cwd: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, cwd=cwd, close_fds=False)


def output(root: Path) -> None:
    sample = root.parent / "sample"
    count = MEGABYTES * 1_000_000 // len(LINE.format(number=0))
    sample.write_text("".join(LINE.format(number=number) for number in range(count)))
    times: dict[str, list[float]] = {"off": [], "files": [], "full": []}
    for number in range(3):
        for mode, found in times.items():
            name = f"{mode}-{number}"
            script = f'exec {sys.executable} -I -c "$PRINT" sample told'
            tree = root / ".worktrees" / name
            words = ("-q", "--detach", "-n", name, "--box", mode, "--env", f"PRINT={PRINT}")
            waits = f"while [ ! -e sample ]; do sleep 0.05; done; {script}"
            run("agentdeck", "run", *words, "--", "sh", "-c", waits)
            (tree / "new").write_bytes(sample.read_bytes())
            (tree / "new").rename(tree / "sample")
            found.append(seconds(tree / "told"))
            time.sleep(0.2)
    for mode in ("files", "full"):
        row(f"{MEGABYTES} MB of output in a box, {mode}", times[mode], "without one", times["off"])


if __name__ == "__main__":
    main()
