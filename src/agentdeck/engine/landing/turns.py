"""Locks of a landing, over all processes: on its agents, and on its base branch, where landings wait in turn."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.landing.stages import Stages
from agentdeck.errors import BusyError
from agentdeck.system.git import bases

_TURN = 24 * 3600.0
"""Seconds to wait for another landing on the same branch; its gate may take long."""
_LOOK = 1.0
"""Seconds between checks whether a waiting landing was cancelled."""


@contextlib.contextmanager
def held_agents(stages: Stages, names: Sequence[str]) -> Iterator[list[str]]:
    """Lock the agents against removal and resumption. Lock in the order of their names, so that two landings with
    the same agents never deadlock. Set aside the agents that another process holds; yield the others."""
    with contextlib.ExitStack() as stack:
        held = set()
        for name in sorted(names):
            with stages.set_aside_on_error(name):
                if stages.world.store.agent(name) is not None:
                    stack.enter_context(stages.world.store.operation(name, wait=5))
                held.add(name)
        yield [name for name in names if name in held]


@contextlib.contextmanager
def held_base(stages: Stages, base: str, names: Sequence[str]) -> Iterator[None]:
    if bases.is_held(stages.world.repo, base):
        stages.note(Event(EventKind.LANDING_WAITING, names[0], f"waits for another landing on {base}"))
    with contextlib.ExitStack() as held:
        _wait_for(stages, base, names[0] if len(names) == 1 else "", held)
        yield


def _wait_for(stages: Stages, base: str, name: str, held: contextlib.ExitStack) -> None:
    deadline = time.monotonic() + _TURN
    while True:
        stages.check_wanted(name)
        try:
            held.enter_context(bases.holding(stages.world.repo, base, wait=_LOOK))
            return
        except BusyError:
            if time.monotonic() > deadline:
                raise
