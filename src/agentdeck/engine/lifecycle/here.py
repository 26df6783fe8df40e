"""An agent on this machine: what a host does with its agents, done here. See lifecycle.hosts."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from agentdeck.engine.views import AgentView
from agentdeck.engine.world import Note, World
from agentdeck.system.terminal.tmux import in_option

if TYPE_CHECKING:
    from agentdeck.core.question import Question
    from agentdeck.engine.views.terminal import LogLine

_PLACES = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "AGENTDECK_TMUX_SOCKET")
"""The variables that say where a person's decks are."""


def send(
    world: World, view: AgentView, text: str, keys: Sequence[str] = (), *, enter: bool = True, now: bool = False
) -> bool:
    from agentdeck.engine.lifecycle import keyboard

    return keyboard.send(world, view, text, keys, enter=enter, now=now)


def answer(world: World, view: AgentView, choice: str, text: str, seen: Question | None) -> str:
    from agentdeck.engine.lifecycle import answering

    return answering.answer(world, view, choice, text, seen)


def stop(world: World, view: AgentView, note: Note) -> AgentView:
    from agentdeck.engine.lifecycle import ending

    return ending.stop(world, view, note)


def resume(world: World, view: AgentView, prompt: str, note: Note, *, now: bool = False) -> AgentView:
    from agentdeck.engine.lifecycle import switching

    return switching.resume(world, view, prompt, note, now=now)


def fail_over(world: World, view: AgentView, to: str, note: Note) -> AgentView:
    from agentdeck.engine.lifecycle import switching

    world.check_trust()
    return switching.switch(world, view, to, note)


def fail_back(world: World, view: AgentView, note: Note) -> AgentView:
    from agentdeck.engine.lifecycle import switching

    world.check_trust()
    return switching.switch_back(world, view, note)


def unsaved(world: World, view: AgentView) -> str:
    from agentdeck.engine.lifecycle import removal_checks

    return removal_checks.unsaved(world, view.agent)


def screen(world: World, view: AgentView, *, colours: bool) -> str:
    return world.tmux.screen(world.deck, view.name, colours=colours)


def attach_argv(world: World, view: AgentView) -> list[str]:
    # What F11 runs in a pop-up, which has the variables of the server; tmux adds the name of who is seen by then.
    known = [f"{name}={os.environ[name]}" for name in _PLACES if name in os.environ]
    program = ["env", *known, "FORCE_COLOR=1", sys.executable, "-m", "agentdeck", "diff", "--"]
    diff = f"{in_option(['cd', '--', str(world.root)])} && {in_option(program)}"
    return world.tmux.attach_argv(world.deck, view.name, [["@agentdeck_diff", diff]])


def log_lines(
    world: World, view: AgentView, *, since: float | None, grep: re.Pattern[str] | None, follow: bool
) -> Iterator[LogLine]:
    from agentdeck.system.state import logs

    if view.log is None:
        return iter(())
    if follow:
        return logs.follow_log(view.log, since=since, grep=grep, until=lambda: not world.lives(view.name))
    read = logs.read_log(view.log, since=since)
    if view.alive and view.activity is None:
        screen = world.tmux.screen(world.deck, view.name)
        read = logs.with_screen(read, screen.splitlines())
    return (line for line in read if grep is None or grep.search(line.text))


def raw_output(world: World, view: AgentView) -> Iterator[bytes]:
    from agentdeck.system.state import logs

    return logs.read_raw(world.store.agent_folder(view.name) / "session.cast")
