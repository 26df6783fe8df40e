"""What is done next, and what a person has left in the main checkout. Pure: one seed, one course."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

NAMES = ("ant", "bee", "cat", "dog", "elk", "fox")
START, AGENT, DECK, PERSON, KILL = "start", "agent", "deck", "person", "kill"

WEIGHTS: dict[str, tuple[str, int]] = {
    "start": (START, 30),
    "stop": (AGENT, 6),
    "resume": (AGENT, 8),
    "remove": (AGENT, 8),
    "remove, keep branch": (AGENT, 2),
    "remove and undo": (AGENT, 8),
    "merge": (AGENT, 12),
    "merge with gate": (AGENT, 4),
    "merge and remove": (AGENT, 4),
    "merge batch": (DECK, 3),
    "undo": (DECK, 6),
    "prune": (DECK, 3),
    "radar": (DECK, 2),
    "doctor": (DECK, 1),
    "person commits": (PERSON, 6),
    "person leaves files": (PERSON, 3),
    "person switches branch": (AGENT, 3),
    "person renames branch": (AGENT, 1),
    "person commits in worktree": (AGENT, 3),
    "person prunes worktrees": (PERSON, 1),
    "person collects garbage": (PERSON, 1),
    "kill runner": (AGENT, 8),
    "kill guardian": (AGENT, 4),
    "kill both": (AGENT, 3),
    "kill window": (AGENT, 2),
    "kill server": (KILL, 1),
}
"""Every act: what it is done to, and how often it is chosen."""
MORTAL = 0.6
"""The share of AgentDeck's verbs that are killed, if they last that long."""
PLANS = ("u", "s", "i", "m", "c", "k", "w", "cu", "smu", "ud", "cwc", "wwww")
"""What an agent does, a letter each; see agent.sh."""


@dataclass(frozen=True, slots=True)
class Act:
    kind: str
    agent: str = ""
    kill_after: float | None = None
    """When the verb is killed, as a share of the time that its like took before; None: it is let be."""
    detail: float = 0.0
    """A number in [0, 1) that chooses between variants."""
    plan: str = ""


@dataclass
class Model:
    random: Random
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each kind of act ended how: `done`, `refused`, `killed`, `failed`."""

    kept: set[str] = field(default_factory=set)
    """Agents whose branch a person asked to keep, or left or renamed."""

    def begin(self, act: Act) -> None:
        if act.kind in ("remove, keep branch", "person switches branch", "person renames branch"):
            self.kept.add(act.agent)

    def round(self, agents: Sequence[str]) -> list[list[Act]]:
        """Acts for three hands that work at once. Most have agents of their own; some get into each other's way."""
        names = list(NAMES)
        self.random.shuffle(names)
        hands = [names[0:2], names[2:4], names[4:6]]
        if self.random.random() < 0.2:
            hands = [names[0:2]] * 3
        return [[self._act(hand, agents) for _ in range(self.random.randint(1, 2))] for hand in hands]

    def _act(self, mine: Sequence[str], agents: Sequence[str]) -> Act:
        here = [name for name in mine if name in agents]
        free = [name for name in mine if name not in agents]
        fits = {START: bool(free), AGENT: bool(here), DECK: True, PERSON: True, KILL: True}
        kinds = {kind: weight for kind, (what, weight) in WEIGHTS.items() if fits[what]}
        kind = self.random.choices(list(kinds), list(kinds.values()))[0]
        name = self.random.choice((free if kind == "start" else here) or list(mine))
        kill = self.random.uniform(0.0, 1.1) if self.random.random() < MORTAL else None
        plan = self.random.choice(PLANS) + self.random.choice(("", "h", "h", "x"))
        return Act(kind, name, kill, self.random.random(), plan)

    def count(self, kind: str, outcome: str) -> None:
        self.outcomes[kind, outcome] += 1

    def total(self, *outcomes: str) -> int:
        return sum(number for (_, outcome), number in self.outcomes.items() if outcome in outcomes)

    def shares(self) -> dict[str, float]:
        """By kind of act, the share that was really done, of those that nobody killed."""
        found = {}
        for kind in WEIGHTS:
            done, other = self.outcomes[kind, "done"], self.outcomes[kind, "refused"] + self.outcomes[kind, "failed"]
            if done + other:
                found[kind] = done / (done + other)
        return found
