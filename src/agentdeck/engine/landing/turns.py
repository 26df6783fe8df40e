"""Whose turn it is to land: locks over all processes on the agents and on the base branch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.landing.stages import Stages
from agentdeck.errors import BusyError
from agentdeck.system.git import bases

_TURN = 24 * 3600.0
"""Seconds to wait for another landing on the same branch, whose gate may take long."""
_LOOK = 1.0
"""Seconds between two looks whether a landing that waits was cancelled."""


@contextlib.contextmanager
def held_agents(stages: Stages, names: Sequence[str]) -> Iterator[list[str]]:
    """Keep others from removing or resuming the agents; in the order of their names, so that two queues that hold
    one each never wait for each other. Those that others are at are set aside; get the rest."""
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
        _wait_for(stages, base, held)
        yield


def _wait_for(stages: Stages, base: str, held: contextlib.ExitStack) -> None:
    deadline = time.monotonic() + _TURN
    while True:
        stages.check_wanted()
        try:
            held.enter_context(bases.holding(stages.world.repo, base, wait=_LOOK))
            return
        except BusyError:
            if time.monotonic() > deadline:
                raise
