"""Take a step back, part by part and the last one first; what that does is a step too, which can be taken back again.

All parts are looked at before the first is touched. `<store>/steps/undo` says what is under way, so that the next verb
goes on with what a crash cut short: every part may be taken back twice.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.text.text import listed
from agentdeck.engine.history import undo_kinds
from agentdeck.engine.records.parts import Part, Removal
from agentdeck.engine.records.running import undo_journal, undo_lock
from agentdeck.engine.records.steps import Step, Steps
from agentdeck.engine.world import Note, World, in_one_look
from agentdeck.errors import BusyError, DeckError, NotFoundError, RefusedError
from agentdeck.system.files.files import locked, private_folder, read_note, write_json

_TURN = 120.0
"""Seconds to wait for another undo, which may bring back a large worktree."""


@in_one_look
def undo(world: World, step: Step, note: Note) -> Step:
    """Take `step` back and return the step which that is. Raise RefusedError, with nothing changed, where one of its
    parts can't be as it was, and where it was taken back already."""
    _check_not_undone(step)
    private_folder(undo_lock(world.store).parent)
    with locked(undo_lock(world.store), wait=_TURN, what="an undo"):
        if undo_journal(world.store).exists():
            _go_on(world, note)
        # Another process may have had its turn meanwhile.
        _check_not_undone(Steps(world.store).get(step.number))
        begun = {"step": step.number, "key": f"undo {step.number} {os.urandom(4).hex()}"}
        try:
            _check(world, step.parts)
        except undo_kinds.MovedOnError as error:
            removals = _removals(step.parts)
            if not removals:
                raise
            _check(world, removals)
            begun["only"] = "removal"
            names = listed([part.agent for part in removals])
            text = f"{error.title} The landing stays; restored: {names}. {error.hint}"
            note(Event(EventKind.WARNING, names, text))
        write_json(undo_journal(world.store), begun)
        return _go_on(world, note)


def uses_configuration(step: Step) -> bool:
    """Whether taking `step` back makes or removes an agent or a database, as the configuration says."""
    return any(map(undo_kinds.uses_configuration, step.parts))


def _check(world: World, parts: Sequence[Part]) -> None:
    for part in reversed(parts):
        undo_kinds.check(world, part)


def _removals(parts: Sequence[Part]) -> list[Removal]:
    """The removals among `parts`, which can be taken back without the rest."""
    return [part for part in parts if isinstance(part, Removal)]


def _check_not_undone(step: Step) -> None:
    if step.undone:
        raise RefusedError(
            f"Step {step.number} was already undone by step {step.undone}.",
            hint=f"“agentdeck undo --step {step.undone}” undoes that.",
        )


def finish(world: World, note: Note) -> None:
    """Go on with an undo that a crash cut short; what another process is at is left to it."""
    try:
        with locked(undo_lock(world.store), what="an undo"):
            if undo_journal(world.store).exists():
                _go_on(world, note)
    except BusyError:
        return


def _begun(facts: Any) -> tuple[int, str, bool]:
    return int(facts["step"]), str(facts["key"]), bool(facts.get("only"))


def _go_on(world: World, note: Note) -> Step:
    steps = Steps(world.store)
    number, key, is_part = read_note(undo_journal(world.store), "An undo", _begun)
    try:
        step = steps.get(number)
    except NotFoundError:
        undo_journal(world.store).unlink()  # someone has moved the step away: nobody can go on with it
        raise
    text, left, stay = _sentence(steps, step), list(step.parts), list[Part]()
    if is_part:
        left = [*_removals(step.parts)]
        stay = [part for part in step.parts if part not in left]
        text = f"undid the removal in step {step.number}: {step.text}"
    new = steps.record(key, text, undoes=step.number)
    try:
        while left:
            back = undo_kinds.take_back(world, left[-1], key, note)
            left.pop()
            if back is not None:
                steps.record(key, text, back)
    except DeckError:
        # What was taken back is one step, what was not stays another, to be tried again.
        steps.keep_parts(step.number, [*stay, *left])
        if not steps.get(new.number).parts:
            steps.forget(new.number)
        undo_journal(world.store).unlink()
        raise
    if stay:
        steps.keep_parts(step.number, stay)
    else:
        steps.mark_undone(step.number, new.number)
    undo_journal(world.store).unlink()
    return steps.get(new.number)


def _sentence(steps: Steps, step: Step) -> str:
    """What taking `step` back is called: the undo of an undo does the first thing again."""
    number, again = step.number, False
    # What a step undid may have expired.
    known = {each.number: each for each in steps.all()}
    while step.undoes in known:
        step, again = known[step.undoes], not again
    return f"redid step {number}: {step.text}" if again else f"undid step {step.number}: {step.text}"
