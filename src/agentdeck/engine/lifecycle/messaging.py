"""What agents write to one another: marked as what it is, and never more than a few in a row without a person."""

from __future__ import annotations

from agentdeck.core.agents.delegation import below
from agentdeck.core.agents.events import EventKind
from agentdeck.core.text.text import plain
from agentdeck.engine.lifecycle.hosts import host_of
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import World, silent
from agentdeck.errors import RefusedError

IN_A_ROW = 3


def message(world: World, view: AgentView, text: str, sender: str) -> bool:
    """See DeckDelegation.message."""
    if view.name == sender:
        raise RefusedError("An agent can't message itself.")
    head = f"[message from agent {sender}, not from the user: " if sender else "[message, not typed by the user: "
    if sender and _in_a_row(world, view.name, head) >= IN_A_ROW:
        raise RefusedError(
            f"{view.name} has had {IN_A_ROW} messages from {sender} in a row.",
            hint="Wait until a person has written to it.",
        )
    told = f"{head}{plain(text).strip()}]"
    if not view.alive and any(agent.name == view.name for agent in below(sender, world.store.agents())):
        host_of(view).resume(world, view, told, silent)
        return True
    return host_of(view).send(world, view, told)


def _in_a_row(world: World, name: str, head: str) -> int:
    """How many messages with this head came since anybody else wrote to the agent."""
    count = 0
    for event in world.store.events(name):
        if event.kind in _WRITTEN:
            count = count + 1 if event.text.startswith(head[:_HEAD]) else 0
    return count


_WRITTEN = frozenset({EventKind.INPUT_SENT, EventKind.INPUT_QUEUED})
_HEAD = 70
