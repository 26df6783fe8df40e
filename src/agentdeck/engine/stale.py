"""What can be cleared away, and the run of prune that does it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agentdeck.engine.steps import Part, Steps
from agentdeck.engine.world import Note, World


@dataclass(frozen=True, slots=True)
class Stale:
    """One thing that can go."""

    kind: str
    """`agent`, `branch`, `worktree record`, `database`, `ports`, `window`, `gateway`, `files`, `log`, `landing`,
    `trash`."""
    what: str
    why: str
    room: int
    """Bytes on disk; 0 where that is nothing worth telling."""
    can_be_undone: bool
    clear: Callable[[Pruning], None] = field(compare=False, repr=False)
    """Clears it away, after it was written down in the step what brings it back."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """One run of prune, which is one step."""

    world: World
    key: str
    note: Note

    def record(self, part: Part) -> None:
        """Write down what is about to be cleared away; taking it back again does nothing where it never went."""
        Steps(self.world.store).record(self.key, "pruned", part)


def delete(paths: list[Path], pruning: Pruning) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
