"""What an agent really does, as its model and whoever drives it know, against what the deck says of it."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck

DIALOGS = re.compile(
    r"Do you want to (?:proceed|run)|Would you like to run|Which colour\?|Allow execution of|Permission required"
    r"|Do you want to run this command"
)
"""What is on the screen of a CLI that asks what a life lets it ask."""
GRACE = 2.0
"""Seconds in which the deck may be behind: one that is promised, and one for a busy machine."""
_EVERY = 0.1
FILE = "AGENTDECK_CONFUSION"
"""The variable that names a file to add the counts to; `python -m tests.agents.truth` prints it as a table."""


@dataclass
class Truth:
    deck: Deck
    name: str
    moments: list[tuple[float, State | None]] = field(default_factory=list)
    """Since when it does what; None where nobody can tell."""
    said: list[tuple[float, State, str]] = field(default_factory=list)
    asks: bool = False
    """Whether its model has asked for what a person has to allow; it waits once its dialog is on the screen."""

    def now(self, state: State | None) -> None:
        self.moments.append((time.monotonic(), state))

    def pairs(self) -> Iterator[tuple[State, State, str]]:
        """What was so and what was said, at each moment at which both are certain."""
        for at, said, reason in self.said:
            before = [(begun, state) for begun, state in self.moments if begun <= at]
            if before and before[-1][1] is not None and at - before[-1][0] > GRACE:
                yield before[-1][1], said, reason

    def wrong(self) -> list[tuple[State, State, str]]:
        return [each for each in self.pairs() if each[0] is not each[1]]


@contextmanager
def watched(deck: Deck, name: str, cli: str) -> Iterator[Truth]:
    truth, over = Truth(deck, name), threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY):
            if truth.asks and DIALOGS.search(deck.screen(name)):
                truth.asks = False
                truth.now(State.WAITING)
            view = deck.agent(name)
            truth.said.append((time.monotonic(), view.state, view.reason))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield truth
    finally:
        over.set()
        thread.join()
        if path := os.environ.get(FILE):
            counts = Counter((so.value, said.value) for so, said, _ in truth.pairs())
            with Path(path).open("a") as file:
                file.writelines(json.dumps([cli, *pair, count]) + "\n" for pair, count in counts.items())


def table(path: str) -> str:
    """Rows: what was so; columns: what was said; in each cell the moments, and the CLIs where both differ."""
    counts: Counter[tuple[str, str]] = Counter()
    where: dict[tuple[str, str], set[str]] = {}
    with Path(path).open() as file:
        for cli, so, said, count in map(json.loads, file):
            counts[so, said] += count
            where.setdefault((so, said), set()).add(cli)
    states = [state.value for state in State if any(state.value in pair for pair in counts)]
    lines = ["so \\ said".ljust(12) + "".join(state.rjust(10) for state in states)]
    for so in states:
        lines.append(so.ljust(12) + "".join(str(counts[so, said] or "·").rjust(10) for said in states))
    right = sum(count for (so, said), count in counts.items() if so == said)
    lines.append(f"{right} of {sum(counts.values())} moments are right")
    lines += [f"{so} said to be {said}: {', '.join(sorted(who))}" for (so, said), who in where.items() if so != said]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(os.environ[FILE]) + "\n")
