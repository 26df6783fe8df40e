"""Whether an agent may begin now: what it needs of this machine, and what there is. Standard library only, for the
runner."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from agentdeck.core.frozen import dataclass

_GB = 1 << 30


class Lack(StrEnum):
    """What an agent waits for."""

    PLACE = "place"
    MEMORY = "memory"
    LOAD = "load"
    DISK = "disk"
    BUDGET = "budget"
    TURN = "turn"
    """Others of this user that have waited for longer."""

    @property
    def is_own(self) -> bool:
        """Whether it may be there for others meanwhile, so that they need not wait behind this one."""
        return self in (Lack.DISK, Lack.BUDGET)


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules by which one agent begins, as its repository and its user have them; 0 means any."""

    queue: str
    """The folder in which this user's agents wait."""
    agents: int = 0
    """How many may be at work at once, of all repositories."""
    max_load: float = 0.0
    """Per processor, over the last minute."""
    min_free: int = 0
    """Bytes of memory."""
    min_disk: int = 0
    """Bytes, where its worktree is."""
    is_child: bool = False
    """Whether another agent started it, and may wait for it: then it needs no place of its own."""
    budgets: str = ""
    """The repository whose budgets must not be spent; empty: it spends nothing that they limit."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a machine has now."""

    load: float
    memory: int
    disk: int


@dataclass(frozen=True, slots=True)
class Obstacle:
    lack: Lack
    text: str
    """For a person, such as “waits for memory: 1.2 GB free, needs 2.0”."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An agent that waits to begin."""

    agent: str
    deck: str
    folder: str
    """The agent's, in its deck's store."""
    since: float
    lack: str
    text: str


def shortage(rules: Admission, room: Room, working: int, fresh: int) -> Obstacle | None:
    """What is missing for one more agent beside `working` others, `fresh` of which have begun so lately that the memory
    that they will use is still free; None where there is room.

    The first one always has the memory and the processors that there are: nothing of ours will free more.
    """
    if room.disk < rules.min_disk:
        return Obstacle(Lack.DISK, f"waits for disk space: {_gb(room.disk)} GB free, needs {_gb(rules.min_disk)}")
    if rules.agents and working >= rules.agents and not rules.is_child:
        verb = "works" if working == 1 else "work"
        return Obstacle(Lack.PLACE, f"waits for a place: {working} of {rules.agents} agents {verb}")
    if not working:
        return None
    needed = rules.min_free * (1 + fresh)
    if room.memory < needed:
        return Obstacle(Lack.MEMORY, f"waits for memory: {_gb(room.memory)} GB free, needs {_gb(needed)}")
    if rules.max_load and room.load > rules.max_load:
        text = f"waits for the processors: load {room.load:.1f} each, at most {rules.max_load:g}"
        return Obstacle(Lack.LOAD, text)
    return None


def holds_back(rules: Admission, ahead: Sequence[Lack]) -> bool:
    """Whether one that waits for longer keeps this one waiting. `ahead` is what these wait for."""
    return any(not lack.is_own and not (rules.is_child and lack is Lack.PLACE) for lack in ahead)


def _gb(count: int) -> str:
    return f"{count / _GB:.1f}"
