"""What an agent on another host costs beside one of this machine, in the same run.

    python bench/hosts.py [AGENTS]

The host is a folder of this machine with a home, a state and a tmux server of its own, over pipes in place of ssh: what
the network takes is not in here. A start has the connection open already, as in the dashboard.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

from common import milli, repository, row, tell, timed

from agentdeck.core.fleet.facts import PROTOCOL, Facts
from agentdeck.core.fleet.placement import HostState, Needs, best
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest
from agentdeck.system.fleet.hostlist import HostList
from agentdeck.system.fleet.links import LINKS

RUNS = 5
LINES = 40


def main() -> None:
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with repository(300) as root:
        home = Path(root).parent / "bench-host"
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        begun = time.perf_counter()
        Deck.hosts().add("bench", folder=str(home))
        tell("hosts add: connect, and ask what the host has", milli(time.perf_counter() - begun))
        deck = Deck.find(Path(root))
        starts(deck, agents)
        lines(deck)
        channel = LINKS.get(HostList().get("bench"))
        pings = [timed(channel.ping) for _ in range(200)]
        tell("a question over the open channel, median", milli(sorted(pings)[100]))
        for view in deck.agents():
            deck.remove(view.name, stop=True)
        LINKS.close()
    placement()


def starts(deck: Deck, agents: int) -> None:
    ours, theirs = [], []
    deck.start(StartRequest(name="first", argv=("sleep", "600"), on="bench"))
    for number in range(agents):
        for times, name, on in ((theirs, f"here-{number}", ""), (ours, f"there-{number}", "bench")):
            request = StartRequest(name=name, argv=("sleep", "600"), on=on)
            times.append(timed(partial(deck.start, request)))
    row("start of an agent on a host", ours, "start of an agent here", theirs)


def lines(deck: Deck) -> None:
    """From the moment that the agent prints until home has the line; the first ones come while it still starts."""
    line = f"sleep 3; for i in $(seq {LINES}); do sleep 0.1; date +%s.%N; done"
    found = []
    for name, on in (("talker", "bench"), ("talker-here", "")):
        deck.start(StartRequest(name=name, argv=("sh", "-c", line), on=on))
        told = [(time.time(), each.text) for each in deck.log_lines(name, follow=True)]
        found.append([at - float(text) for at, text in told if text.replace(".", "").isdigit()])
    row("a line of a log, from the agent to home", found[0], "of an agent here", found[1])
    tell("the slowest", milli(max(found[0])), "of an agent here", milli(max(found[1])))


def placement() -> None:
    facts = Facts("id", "boot", "1", PROTOCOL, "2.39", "3.3", 8, 1.0, 1 << 34, 1 << 33, 1 << 36, time.time())
    hosts = [HostState(f"host-{number}", facts) for number in range(40)]
    took = timed(lambda: [best(Needs(cpu=1), hosts, time.time()) for _ in range(500)])
    tell("placement of 500 agents on 40 hosts", milli(took))


if __name__ == "__main__":
    main()
