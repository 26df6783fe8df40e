"""Find what has gone stale, say why and how much room it takes, and clear it away: all that can be undone as one step.

Stale is what nobody needs any more (landed agents, merged branches), what lost its other half (records without folders,
leases, databases and windows without agents), and what is older than the trash keeps it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.history.stale import Clearable, Pruning, agents_now, look
from agentdeck.engine.history.stale_agents import stale_agents, stale_helpers
from agentdeck.engine.history.stale_git import stale_branches, stale_records
from agentdeck.engine.history.stale_leases import stale_databases, stale_gateway, stale_leases
from agentdeck.engine.history.stale_trash import stale_by_age
from agentdeck.engine.records.steps import Step, Steps
from agentdeck.engine.views.history import Stale
from agentdeck.engine.world import Note, World
from agentdeck.errors import DeckError
from agentdeck.system.files.files import locked, private_folder
from agentdeck.system.machine import scope

_TURN = 60.0
"""Seconds to wait for another prune."""


def find_stale(world: World) -> list[Clearable]:
    """All of it, without touching anything."""
    if not world.store.exists:
        return []
    seen = look(world)
    agents, trees = agents_now(world), seen.trees
    with world.repo.objects_aside() as aside:
        finders = (
            stale_agents(world, aside, agents, trees),
            stale_helpers(world, agents),
            stale_records(world, agents, trees),
            stale_branches(world, aside, agents, seen),
            stale_databases(world, agents),
            stale_leases(world, agents, seen),
            stale_gateway(world),
            stale_by_age(world, agents),
        )
        return [stale for finder in finders for stale in finder]


def prune(world: World, found: Iterable[Stale], note: Note) -> tuple[Step | None, list[Stale]]:
    """Clear away what of `found` is stale still, each as it comes; return the step that undoes what can be undone, and
    what failed."""
    scope.sweep()
    key, failed = f"prune {secrets.token_hex(6)}", list[Stale]()
    steps = Steps(world.store.open())
    with locked(private_folder(world.store.folder / "steps") / "prune.lock", wait=_TURN, what="a prune"):
        # Since the list was shown, someone may have come back to some of it, or another prune had its turn.
        now = {(stale.kind, stale.what): stale for stale in find_stale(world)}
        for each in found:
            stale = now.get((each.kind, each.what))
            if stale is None:
                continue
            try:
                if not _clear(stale, Pruning(world, key, note)):
                    continue
            except DeckError as error:
                failed.append(stale.told())
                note(Event(EventKind.WARNING, stale.what, f"not pruned: {error.title}", {"detail": error.detail}))
                continue
            note(Event(EventKind.PRUNED, stale.what, f"pruned ({stale.why})", {"kind": stale.kind, "room": stale.room}))
    step = next((step for step in reversed(steps.all()) if step.key == key), None)
    if step is not None:
        step = steps.retitle(step.number, f"pruned {len(step.parts)} item{'s' if len(step.parts) > 1 else ''}")
    return step, failed


def _clear(stale: Clearable, pruning: Pruning) -> bool:
    """Clear it away, unless a start took it meanwhile; return whether it was cleared."""
    if stale.is_free is None:
        stale.clear(pruning)
        return True
    with pruning.world.store.naming():
        if not stale.is_free(agents_now(pruning.world)):
            return False
        stale.clear(pruning)
    return True
