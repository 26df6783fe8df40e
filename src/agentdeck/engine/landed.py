"""The end of a landing: what moved is written down, and what a crash cut short is completed or given up."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace

from agentdeck.core.events import Event
from agentdeck.engine import removal
from agentdeck.engine.gate import end_gate
from agentdeck.engine.landings import Landing, Landings, Stage
from agentdeck.engine.steps import Steps
from agentdeck.engine.undo import set_landed
from agentdeck.engine.world import Note, World
from agentdeck.errors import BusyError, DeckError
from agentdeck.system import advance, merges


def complete(world: World, landing: Landing, note: Note) -> Landing:
    """Write down the move that was made; the same again changes nothing."""
    move = landing.move
    if move is None:
        return landing
    names = [each["name"] for each in move["agents"]]
    extra = [part for name in names for part in landing.entry(name).parts]
    text = f"landed {', '.join(names)} on {move['branch']}"
    step = Steps(world.store).record(_key(landing, names), text, *extra, move)
    for each in move["agents"]:
        name = each["name"]
        landing = landing.with_entry(name, stage=Stage.LANDED, step=step.number)
        set_landed(world, name, each["after"])
        if world.store.agent(name) is not None:
            told = (
                f"landed on {move['branch']} as {move['new'][:10]}; “agentdeck undo --step {step.number}” takes it back"
            )
            world.note(Event("landing.landed", name, told, {"landing": landing.id, "step": step.number}), note)
    landing = replace(landing, move=None)
    Landings(world.store).save(landing)
    return landing


def remove_landed(world: World, landing: Landing, names: Sequence[str], note: Note) -> None:
    """Remove those of the agents that landed, as a part of the step that their landing is."""
    for name in names:
        entry, agent = landing.entry(name), world.store.agent(name)
        if entry.stage is Stage.LANDED and agent is not None:
            key = next((step.key for step in Steps(world.store).all() if step.number == entry.step), "")
            removal.remove(world, agent, note, step=key)


def finish_dead(world: World, note: Note) -> None:
    """Complete or give up every move of a branch and every landing whose process died, and remove its gate."""
    for settled in advance.settle(world.repo):
        if settled.saved:
            text = f"what was in the way of {settled.move.branch} is saved as {settled.saved}"
            note(Event("warning", settled.move.branch, text, {"ref": settled.saved}))
    landings = Landings(world.store)
    for landing_id in landings.dead():
        with contextlib.suppress(BusyError), landings.running(landing_id):
            _finish(world, landings, landing_id, note)


def _finish(world: World, landings: Landings, landing_id: str, note: Note) -> None:
    for name in world.store.names():
        agent = world.store.agent(name)
        if agent is not None and agent.landing == landing_id:
            end_gate(world, name)
    try:
        landing = landings.get(landing_id)
    except DeckError:
        return
    move = landing.move
    if move is not None:
        tip = world.repo.commit(f"refs/heads/{move['branch']}")
        if tip is not None and merges.is_ancestor(world.repo, move["new"], tip):
            landing = complete(world, landing, note)
            if landing.remove:
                names = [each["name"] for each in move["agents"]]
                with contextlib.ExitStack() as held:
                    for name in sorted(names):
                        held.enter_context(world.store.operation(name, wait=5))
                    remove_landed(world, landing, names, note)
    for entry in landing.entries:
        if not entry.stage.is_end:
            reason = "its landing was cut short; nothing was moved"
            landing = landing.with_entry(entry.agent, stage=Stage.INTERRUPTED, reason=reason)
            note(Event("landing.refused", entry.agent, reason, {"landing": landing.id}))
    landings.save(replace(landing, move=None, ended=time.time()))


def _key(landing: Landing, names: Sequence[str]) -> str:
    return f"landing {landing.id} {' '.join(names)}"
