"""What an engine gets that works off the tasks of one `run -f`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentdeck.core.frozen import dataclass
from agentdeck.engine.views import AgentView, QueuedTask, StartRequest
from agentdeck.engine.world import Note, World


@dataclass(frozen=True, slots=True)
class Batch:
    tasks: Sequence[QueuedTask]
    jobs: int
    """How many may run at once; 0: as configured."""
    world: World
    start: Callable[[StartRequest, Note], AgentView]
    """See Deck.start."""
    repair: Callable[[Note], None]
    """See Deck.repair: without it, nobody sees that an agent has ended whose runner was killed."""
    note: Note
    """Hears what happens; it is called by one thread at a time."""
