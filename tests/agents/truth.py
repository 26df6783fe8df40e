"""What an agent really does, as its model and whoever drives it know, against what the deck says of it."""

from __future__ import annotations

import itertools
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
    r"|Do you want to run this command|Create new file\?"
)
"""What is on the screen of a CLI that asks what a life lets it ask."""
AT_WORK = re.compile(r"esc (?:to )?interrupt|[Ee]sc to cancel|Working|Thinking|⬝")
"""What is on the screen of a CLI that has not taken yet what its model has said, or a no."""
GRACE = 2.0
"""Seconds in which the deck may be behind: one that is promised, and one for a busy machine."""
_EVERY = 0.1
_LOOK = 0.2
"""Seconds from one look to the next on a machine that has time for them."""
_FOOT = 8
"""Lines at the foot of a screen in which a CLI says that it works."""
FILE = "AGENTDECK_CONFUSION"
"""The variable that names a file to add the counts to; `python -m tests.agents.truth` prints it as a table."""


@dataclass
class Truth:
    deck: Deck
    name: str
    moments: list[tuple[float, State | None]] = field(default_factory=list)
    """Since when it does what; None where nobody can tell."""
    said: list[tuple[float, State, str]] = field(default_factory=list)
    screens: dict[float, str] = field(default_factory=dict)
    """What the agent showed at each of these moments."""
    asks: str = ""
    """What its model has asked for that a person has to allow; it waits once a dialog about that is on the screen."""

    rests: bool = False
    """Whether its turn is over as far as its model or a person can tell; it rests once its screen says so."""

    def ends(self) -> None:
        self.now(None)
        self.rests = True

    def now(self, state: State | None) -> None:
        self.rests = False
        self.moments.append((time.monotonic(), state))

    @property
    def grace(self) -> float:
        """`GRACE`, longer as the machine is slower: as long as it takes to look at all."""
        gaps = sorted(after[0] - before[0] for before, after in itertools.pairwise(self.said))
        return GRACE * max(1.0, gaps[len(gaps) // 2] / _LOOK) if gaps else GRACE

    def pairs(self) -> Iterator[tuple[State, State, str]]:
        """What was so and what was said, at each moment at which both are certain."""
        grace = self.grace
        for at, said, reason in self.said:
            before = [(begun, state) for begun, state in self.moments if begun <= at]
            if before and before[-1][1] is not None and at - before[-1][0] > grace:
                yield before[-1][1], said, reason

    def wrong(self) -> list[tuple[State, State, str]]:
        return [each for each in self.pairs() if each[0] is not each[1]]

    def _is_wrong(self, at: float, state: State) -> bool:
        before = [(since, so) for since, so in self.moments if since <= at]
        return before[-1][1] not in (None, state) and at - before[-1][0] > self.grace

    def told(self) -> str:
        """All that was so and was said, with the screens at which the two differ."""
        begun = self.said[0][0] if self.said else 0.0
        so = [(at, f"so    {state}") for at, state in self.moments]
        said = [(at, f"said  {state} {reason}") for at, state, reason in self.said]
        said = [each for last, each in zip([(0.0, ""), *said], said, strict=False) if last[1] != each[1]]
        lines = [f"{at - begun:7.2f} {text}" for at, text in sorted(so + said)]
        shown: dict[tuple[State, State], str] = {}
        for at, state, reason in self.said:
            before = [(since, so) for since, so in self.moments if since <= at and so is not None]
            if before and self._is_wrong(at, state):
                shown[before[-1][1], state] = f"at {at - begun:.2f}: {state} {reason}\n{self.screens.get(at, '')}"
        lines += shown.values()
        return "\n".join(lines)


@contextmanager
def watched(deck: Deck, name: str, cli: str) -> Iterator[Truth]:
    truth, over = Truth(deck, name), threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY):
            screen = deck.screen(name)
            if truth.asks and truth.asks in screen and DIALOGS.search(screen):
                truth.asks = ""
                truth.now(State.WAITING)
            if truth.rests and not AT_WORK.search("\n".join(screen.rstrip().splitlines()[-_FOOT:])):
                truth.now(State.DONE)
            view, at = deck.agent(name), time.monotonic()
            truth.said.append((at, view.state, view.reason))
            truth.screens[at] = screen

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
