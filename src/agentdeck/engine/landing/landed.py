"""The end of a landing: what moved is written down, and what a crash cut short is completed or given up."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from agentdeck.core.agents.agent import Mode, State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.engine.landing.auditing import record
from agentdeck.engine.landing.standing import set_landed
from agentdeck.engine.records.landings import Landing, Landings, Stage
from agentdeck.engine.records.steps import Steps
from agentdeck.engine.world import Note, World
from agentdeck.errors import BusyError, DeckError
from agentdeck.system.git import advance, merges


def complete(world: World, landing: Landing, note: Note) -> Landing:
    """Write down the move that was made; the same again changes nothing."""
    move = landing.move
    if move is None:
        return landing
    names = [each.name for each in move.agents]
    extra = [part for name in names for part in landing.entry(name).parts]
    text = f"landed {', '.join(names)} on {move.branch}"
    step = Steps(world.store).record(_key(landing, names), text, *extra, move)
    for each in move.agents:
        name = each.name
        landing = landing.with_entry(name, stage=Stage.LANDED, step=step.number)
        record(world, landing, name, base=move.branch, new=move.new, step=step.number)
        set_landed(world, name, each.after)
        if world.store.agent(name) is not None:
            told = f"landed on {move.branch} as {move.new[:10]}; “agentdeck undo --step {step.number}” undoes it"
            world.note(Event(EventKind.LANDING_LANDED, name, told, {"landing": landing.id, "step": step.number}), note)
    landing = replace(landing, move=None)
    Landings(world.store).save(landing)
    return landing


def remove_landed(world: World, landing: Landing, name: str, note: Note) -> None:
    """Remove the agent where it landed, as a part of the step that its landing is."""
    entry, agent = landing.entry(name), world.store.agent(name)
    if entry.stage is Stage.LANDED and agent is not None:
        key = next((step.key for step in Steps(world.store).all() if step.number == entry.step), "")
        from agentdeck.engine.lifecycle import removal

        removal.remove(world, agent, note, step=key)


def record_commits(world: World, landing: Landing) -> Landing:
    """Make a step of each agent's committed work whose landing came to none: that can be taken back by itself."""
    for entry in landing.entries:
        if entry.step or not entry.parts:
            continue
        from agentdeck.engine.landing.committing import settle_commit

        parts = [part for each in entry.parts if (part := settle_commit(world, each)) is not None]
        landing = landing.with_entry(entry.agent, parts=tuple(parts))
        if parts:
            text = f"committed the work of {entry.agent}"
            step = Steps(world.store).record(_key(landing, [entry.agent]), text, *parts)
            landing = landing.with_entry(entry.agent, step=step.number)
    return landing


def finish_dead(world: World, note: Note) -> None:
    """Complete or give up every move of a branch, every pull and every landing whose process died, and remove its
    gate."""
    for settled in advance.settle(world.repo):
        if settled.saved:
            text = f"the files in the way of {settled.move.branch} are saved as {settled.saved}"
            note(Event(EventKind.WARNING, settled.move.branch, text, {"ref": settled.saved}))
    from agentdeck.engine.landing.exchange import finish_pulls

    finish_pulls(world)
    landings = Landings(world.store)
    for landing_id in landings.dead():
        with contextlib.suppress(BusyError), landings.running(landing_id):
            _finish(world, landings, landing_id, note)


def _finish(world: World, landings: Landings, landing_id: str, note: Note) -> None:
    _close_windows(world, landing_id, note)
    try:
        landing = landings.get(landing_id)
    except DeckError:
        return
    move = landing.move
    if move is not None:
        tip = world.repo.commit(f"refs/heads/{move.branch}")
        if tip is not None and merges.is_ancestor(world.repo, move.new, tip):
            landing = complete(world, landing, note)
    landing = record_commits(world, landing)
    if landing.remove:
        _remove_rest(world, landing, note)
    for entry in landing.entries:
        if not entry.stage.is_end:
            reason = "its landing was interrupted; nothing was moved"
            landing = landing.with_entry(entry.agent, stage=Stage.INTERRUPTED, reason=reason)
            note(Event(EventKind.LANDING_REFUSED, entry.agent, reason, {"landing": landing.id}))
    landings.save(replace(landing, move=None, ended=time.time()))


def _close_windows(world: World, landing_id: str, note: Note) -> None:
    """Remove the gates and the windows of a dead landing; one in which a person is still at work is left to them."""
    from agentdeck.engine.landing.gate import end_gate

    open_windows = []
    for agent in world.store.agents():
        name = agent.name
        if agent.landing != landing_id:
            continue
        is_window = agent.mode is Mode.INTERACTIVE
        if is_window and world.lives(name):
            open_windows.append(name)
        else:
            end_gate(world, name, keep_work=is_window)
    for name in open_windows:
        text = f"its landing was interrupted; close it with “exit” (agentdeck attach {name})"
        note(Event(EventKind.LANDING_WAITING, name, text, {"landing": landing_id}))
    if open_windows:
        raise BusyError(f"The window {open_windows[0]} of landing {landing_id} is still open.")


def _remove_rest(world: World, landing: Landing, note: Note) -> None:
    """Remove those that landed and were not removed yet, unless they have gone on since."""
    for entry in landing.entries:
        agent = world.store.agent(entry.agent)
        if entry.stage is not Stage.LANDED or agent is None or agent.landed is None:
            continue
        if agent.landed[0] == entry.tip and world.store.status(entry.agent).state is State.LANDED:
            try:
                with world.store.operation(entry.agent, wait=5):
                    remove_landed(world, landing, entry.agent, note)
            except DeckError as error:
                text = f"landed, but not removed: {error.title}"
                note(Event(EventKind.WARNING, entry.agent, text, {"detail": error.detail}))


def _key(landing: Landing, names: Sequence[str]) -> str:
    return f"landing {landing.id} {' '.join(names)}"
