"""Wait for an agent."""

from __future__ import annotations

from collections.abc import Callable

from agentdeck.core.agents.agent import State
from agentdeck.core.frozen import replace
from agentdeck.engine import roster
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import Note, World
from agentdeck.errors import NotFoundError
from agentdeck.system.files.watch import ticks


def wait(world: Callable[[], World], view: AgentView, repair: Callable[[Note], None], note: Note) -> AgentView:
    """See Deck.wait. The world is asked for each time, for the configuration may change meanwhile."""
    seen, store = 0, world().store
    for _ in ticks(store.agent_folder(view.name)):
        try:
            view = roster.agent(world(), view.name)
        except NotFoundError:
            gone = replace(view.status, state=State.STOPPED, reason="it was removed")
            return replace(view, status=gone, alive=False)
        events = store.events(view.name)
        for event in events[seen:]:
            note(event)
        seen = len(events)
        if not view.state.is_live:
            break
        if not view.alive:
            repair(note)
    return view
