"""What can be cleared away, and the run of prune that does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.core.agents.agent import Agent
from agentdeck.core.frozen import dataclass, field
from agentdeck.engine.records.parts import Part
from agentdeck.engine.records.steps import Steps
from agentdeck.engine.views.history import Stale
from agentdeck.engine.world import Note, World
from agentdeck.system.files import files
from agentdeck.system.files.scratch import agents_folder
from agentdeck.system.git.checkouts import Worktree, list_worktrees

if TYPE_CHECKING:
    from agentdeck.system.machine.ports import PortLease
    from agentdeck.system.terminal.tmux import Window


@dataclass(frozen=True, slots=True)
class Clearable(Stale):
    """One thing that can go, and how."""

    clear: Callable[[Pruning], None] = field(compare=False, repr=False)
    """Clears it away, after it was written down in the step what brings it back."""
    is_free: Callable[[list[Agent]], bool] | None = field(default=None, compare=False, repr=False)
    """Whether none of the agents has it; asked under the lock that a start takes, which is held while it is cleared
    away. None for what `clear` looks at itself."""

    def told(self) -> Stale:
        """What a face gets to see of it."""
        return Stale(self.kind, self.what, self.why, self.room, self.can_be_undone)


@dataclass(frozen=True, slots=True)
class Pruning:
    """One run of prune, which is one step."""

    world: World
    key: str
    note: Note

    def record(self, part: Part) -> None:
        """Write down what is about to be cleared away; taking it back again does nothing where it never went."""
        Steps(self.world.store).record(self.key, "pruned", part)


@dataclass(frozen=True, slots=True)
class Seen:
    """What there was before the names of the agents were read. An agent is written down before anything of it is made,
    so all of this that belongs to one has its agent among those read afterwards."""

    trees: list[Worktree]
    branches: list[tuple[str, str]]
    """Commit and ref of each."""
    ports: list[PortLease]
    windows: list[Window]
    folders: list[Path]
    """Of agents' temporary files."""


def look(world: World) -> Seen:
    lines = world.repo.lines("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads")
    return Seen(
        trees=list_worktrees(world.repo),
        branches=[(oid, ref) for oid, _, ref in (line.partition(" ") for line in lines)],
        ports=world.ports.owners(),
        windows=world.tmux.windows(),
        folders=sorted(agents_folder().glob(f"{world.store.deck_id}-*")),
    )


def agents_now(world: World) -> list[Agent]:
    return [agent for name in world.store.names() if (agent := world.store.agent(name)) is not None]


def delete(paths: list[Path], pruning: Pruning) -> None:
    for path in paths:
        files.delete(path)
