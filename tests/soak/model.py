"""What is done next, and what a person has left in the main checkout. Pure: one seed, one course."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from signal import Signals

NAMES = ("ant", "bee", "cat", "dog", "elk", "fox")
FREE, HELD, RUNNING, RESTING, ANY = "free", "held", "running", "resting", "any"
"""What an act is done to: a name without an agent, an agent, one that runs, one that does not, or the deck."""

WEIGHTS: dict[str, tuple[str, int]] = {
    "start": (FREE, 30),
    "stop": (RUNNING, 6),
    "resume": (RESTING, 12),
    "remove": (HELD, 8),
    "remove, keep branch": (HELD, 2),
    "remove and undo": (HELD, 8),
    "merge": (HELD, 12),
    "merge with gate": (HELD, 4),
    "merge and remove": (HELD, 4),
    "merge batch": (ANY, 3),
    "undo": (ANY, 6),
    "prune": (ANY, 3),
    "radar": (ANY, 2),
    "doctor": (ANY, 1),
    "person commits": (ANY, 6),
    "person leaves files": (ANY, 3),
    "person switches branch": (HELD, 3),
    "person renames branch": (HELD, 1),
    "person commits in worktree": (HELD, 3),
    "person prunes worktrees": (ANY, 1),
    "person collects garbage": (ANY, 1),
    "kill runner": (RUNNING, 14),
    "kill guardian": (RUNNING, 6),
    "kill both": (RUNNING, 4),
    "kill window": (RUNNING, 2),
    "kill server": (ANY, 1),
    "kill any": (ANY, 8),
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
    sign: Signals = Signals.SIGKILL
    """What it is killed with."""
    detail: float = 0.0
    """A number in [0, 1) that chooses between variants."""
    plan: str = ""


@dataclass
class Model:
    random: Random
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each kind of act ended how: `done`, `refused`, `failed`, `killed`, `interrupted`."""

    kept: set[str] = field(default_factory=set)
    """Agents whose branch a person asked to keep, or left or renamed."""

    def begin(self, act: Act) -> None:
        if act.kind in ("remove, keep branch", "person switches branch", "person renames branch"):
            self.kept.add(act.agent)

    def round(self, agents: Sequence[str], running: Sequence[str]) -> list[list[Act]]:
        """Acts for three hands that work at once. Most have agents of their own; some get into each other's way."""
        names = list(NAMES)
        self.random.shuffle(names)
        hands = [names[0:2], names[2:4], names[4:6]]
        if self.random.random() < 0.2:
            hands = [names[0:2]] * 3
        return [[self._act(hand, agents, running) for _ in range(self.random.randint(1, 2))] for hand in hands]

    def _act(self, mine: Sequence[str], agents: Sequence[str], running: Sequence[str]) -> Act:
        names = {
            FREE: [name for name in mine if name not in agents],
            HELD: [name for name in mine if name in agents],
            RUNNING: [name for name in mine if name in running],
            RESTING: [name for name in mine if name in agents and name not in running],
            ANY: [""],
        }
        kinds = {kind: weight for kind, (what, weight) in WEIGHTS.items() if names[what]}
        kind = self.random.choices(list(kinds), list(kinds.values()))[0]
        name = self.random.choice(names[WEIGHTS[kind][0]])
        kill = self.random.uniform(0.0, 1.1) if self.random.random() < MORTAL else None
        plan = self.random.choice(PLANS) + self.random.choice(("", "h", "h", "h", "h", "x"))
        sign = self.random.choice([Signals.SIGKILL] * 8 + [Signals.SIGINT, Signals.SIGTERM])
        return Act(kind, name, kill, sign, self.random.random(), plan)

    def count(self, kind: str, outcome: str) -> None:
        self.outcomes[kind, outcome] += 1

    def total(self, *outcomes: str) -> int:
        return sum(number for (_, outcome), number in self.outcomes.items() if outcome in outcomes)

    @property
    def is_mostly_done(self) -> bool:
        """Whether most of the acts that nothing ended early were really done: else the run tried little."""
        return self.total("done") > 2 * self.total("refused", "failed")
