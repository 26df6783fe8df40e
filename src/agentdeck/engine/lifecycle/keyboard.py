"""Type to an agent that runs, as a person at its terminal would."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import COMMAND, Mode, State, Status
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.transcripts.reading import one_line
from agentdeck.engine.runner.inbox import MESSAGES, REFUSED, TAKEN, WITHDRAWN_AFTER
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import World, silent
from agentdeck.errors import RefusedError
from agentdeck.system.files.files import private_folder, read_json, write_json
from agentdeck.system.state.messages import Stage

_PATIENCE = 10.0
"""Seconds that a program may take to read what is typed."""
_GRACE = 0.5
"""Seconds in which the runner takes a message of an agent that is at its prompt while something works for it."""
_SHOWN = 80
"""Characters of the text that its event has."""


def send(
    world: World, view: AgentView, text: str, keys: Sequence[str] = (), *, enter: bool = True, now: bool = False
) -> bool:
    """See Deck.send."""
    _check_runs(view)
    profile = world.profiles.get(view.profile) if view.agent.profile != COMMAND else None
    if text and enter and not keys and not now and profile is not None and profile.tells_idle:
        return _give(world, view, text)
    if text:
        give_to_runner(world, view.name, text, enter=enter and not keys)
    if keys:
        world.tmux.press(world.deck, view.name, [*keys, *(["Enter"] if text and enter else [])])
    world.note(Event(EventKind.INPUT_SENT, view.name, one_line(text, _SHOWN) or " ".join(keys)), silent)
    return True


def _check_runs(view: AgentView) -> None:
    if not view.alive:
        raise RefusedError(
            f"{view.name} is not running ({view.state}).",
            hint=f"Start it again with “agentdeck resume {view.name}”.",
        )
    if view.status.state is State.LIMITED and view.status.agent_pid is None:
        raise RefusedError(
            f"{view.name} has no program to type to: it is limited, {view.status.reason}.",
            hint=f"“agentdeck failover {view.name}” lets another profile continue.",
        )


def _give(world: World, view: AgentView, text: str) -> bool:
    """Leave `text` to the runner, which types it once the agent is idle; return whether its turn has begun, and raise
    RefusedError where that did not come."""
    name = view.name
    if view.agent.mode is Mode.HEADLESS:
        raise RefusedError(
            f"{name} runs headless and reads no messages.",
            hint=f"“agentdeck resume {name} …” continues it with one once it has ended.",
        )
    _check_not_asking(name, view.status)
    queue = world.store.messages(name)
    message = queue.put(text)
    world.store.wake_runner(name)
    begun = time.monotonic()
    while world.lives(name):
        stage, status = queue.stage_of(message.key), world.store.status(name)
        if stage is None:
            return True
        if stage is Stage.UNSURE:
            raise RefusedError(
                f"{name} has not begun to work on the message.",
                detail="It was typed; whether it arrived is not known. It is kept.",
                hint=f"agentdeck messages {name}",
            )
        if stage is Stage.WAITING:
            if status.is_asking and queue.delete(message.key, Stage.WAITING):
                _check_not_asking(name, status)
            if time.monotonic() > begun + (_PATIENCE if status.is_free else _GRACE):
                break
        time.sleep(0.02)
    world.note(Event(EventKind.INPUT_QUEUED, name, one_line(text, _SHOWN)), silent)
    return False


def _check_not_asking(name: str, status: Status) -> None:
    question = status.question
    if question is not None and status.is_asking:
        raise asks_error(name, question.text, question.choices)


def give_to_runner(
    world: World, name: str, text: str, *, enter: bool, answers: Mapping[str, Any] | None = None
) -> None:
    """Return once the runner has typed it, whatever tmux shows of the pane; where it can't, take it back."""
    folder = private_folder(world.store.agent_folder(name) / MESSAGES)
    path = folder / f"{time.time_ns()}-{os.getpid()}.json"
    write_json(path, {"text": text, "enter": enter, "at": time.time(), "answers": answers})
    world.store.wake_runner(name)
    deadline = time.monotonic() + WITHDRAWN_AFTER
    while path.exists() and world.lives(name) and time.monotonic() < deadline:
        time.sleep(0.02)
    is_withdrawn = _withdraw(path)
    taken, deadline = path.with_suffix(TAKEN), time.monotonic() + _PATIENCE
    while taken.exists() and world.lives(name) and time.monotonic() < deadline:
        time.sleep(0.02)
    _check_not_refused(name, path.with_suffix(REFUSED))
    if not world.lives(name) and (is_withdrawn or taken.exists()):
        raise RefusedError(
            f"{name} ended before it received the text.", hint=f"Start it again with “agentdeck resume {name}”."
        )
    if is_withdrawn:
        why = world.store.status(name).reason
        raise RefusedError(
            f"The program of {name} is not ready yet{': ' * bool(why)}{why}. Nothing was typed.",
            hint=f"“agentdeck attach {name}” shows its terminal.",
        )
    if taken.exists():
        raise RefusedError(f"{name} is not reading its input.", hint=f"“agentdeck attach {name}” shows its terminal.")


def _check_not_refused(name: str, refusal: Path) -> None:
    try:
        said = read_json(refusal)
        refusal.unlink()
    except FileNotFoundError:
        return
    if "why" in said:
        raise RefusedError(str(said["why"]), hint=f"agentdeck show {name}")
    raise asks_error(name, str(said["question"]), str(said["choices"]))


def asks_error(name: str, text: str, choices: str) -> RefusedError:
    """That a text would answer what the agent asks."""
    return RefusedError(
        f"{name} asks a question, and a text would answer it. Nothing was typed.",
        detail=f"{text}{'  ' * bool(choices)}{choices}",
        hint=f"agentdeck answer {name} {'1' if choices else 'yes'}",
    )


def _withdraw(path: Path) -> bool:
    """Take the message back; return whether nobody had taken it."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
