"""Verbs that act on agents that are there: attach, stop, failover, rm."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from agentdeck.cli.deck import for_each, open_deck, worst
from agentdeck.cli.output import YELLOW, Output, ask, error_fields, flush, is_terminal, somebody_answers
from agentdeck.engine.views.documents import agent_fields
from agentdeck.errors import DeckError, ExitCode, NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views import AgentView


def attach(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    argv = deck.attach_argv(args.name)
    if out.json:
        out.emit("attach", agent=deck.agent(args.name).name, argv=argv)
        return ExitCode.OK
    if not (sys.stdin.isatty() and is_terminal()):
        raise UsageError("There is no terminal to attach to.", hint=f"“agentdeck logs -f {args.name}” needs none.")
    _check_not_inside(deck.agent(args.name).name)
    flush()
    return os.execvp(argv[0], argv)  # noqa: S606 - the terminal is tmux's from here on


_MOST = 9
"""Screens of a grid."""
_EVERY = 0.5
"""Seconds between two looks at who runs."""


def grid(args: Namespace, out: Output) -> ExitCode:
    from threading import Event, Thread

    from agentdeck.system.machine.host import run_in_terminal

    deck = open_deck(out, looks=True)
    named = [deck.agent(name).name for name in args.names]
    shown = _tiled(deck, named)
    if out.json:
        out.emit("grid", agents=list(shown))
        return ExitCode.OK
    if not shown:
        raise RefusedError("No agent is running.", hint="Start one with “agentdeck run -d TASK”.")
    if not (sys.stdin.isatty() and is_terminal()):
        raise UsageError("There is no terminal for a grid.", hint="“agentdeck ls” needs none.")
    for name in shown:
        _check_not_inside(name)
    tiles, ended = deck.terminals.tiles(f"grid of {deck.root.name}"), Event()

    def follow() -> None:
        nonlocal shown
        while not ended.wait(_EVERY):
            with suppress(DeckError):
                shown = _tiled(deck, named, tuple(shown))
                tiles.show(shown)

    thread = Thread(target=follow, daemon=True)
    thread.start()
    try:
        code = run_in_terminal(tiles.argv(next(iter(shown))))
    finally:
        ended.set()
        thread.join()
    return ExitCode.OK if code == 0 else ExitCode.FAILED


def _tiled(deck: Deck, named: Sequence[str], before: Sequence[str] = ()) -> dict[str, str]:
    """The agents that have a tile, with what is said of each: those from before, then those that need a person."""
    from agentdeck.core.agents.agent import State

    views = {view.name: view for view in deck.agents() if view.alive and view.name in (named or (view.name,))}
    fresh = sorted(views.values(), key=lambda view: view.state is not State.WAITING)
    names = [*(name for name in before if name in views), *(view.name for view in fresh if view.name not in before)]
    shown = {name: views[name].state for name in names[:_MOST]}
    look = {State.WAITING: "#[fg=black,bg=yellow]", State.FAILED: "#[fg=black,bg=red]"}
    return {name: f"{look.get(state, '')} {state.glyph} {state} " for name, state in shown.items()}


def _check_not_inside(name: str) -> None:
    """A terminal that shows itself draws without end."""
    from agentdeck.system.machine.host import inside_agent

    if inside_agent(name):
        raise RefusedError(f"This is already the terminal of {name}.", hint="Attach to it from another one.")


def stop(args: Namespace, out: Output) -> ExitCode:
    if bool(args.names) == args.all:
        raise UsageError("Name the agents to stop, or use --all.")
    deck = open_deck(out, looks=True)
    names = [view.name for view in deck.agents() if view.alive] if args.all else args.names
    views, errors = for_each(names, lambda name: deck.stop(name, out.tell), out)
    if out.json:
        agents = [agent_fields(view) for view in views]
        out.emit("agents", root=str(deck.root), agents=agents, errors=[error_fields(error) for error in errors])
    elif args.all and not names:
        out.narrate("No agent is running.")
    return worst(errors)


def failover(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out)
    view = deck.fail_back(args.name, out.tell) if args.back else deck.fail_over(args.name, args.to, out.tell)
    if out.json:
        out.emit("agent", **agent_fields(view))
    else:
        out.narrate(f"{view.name} now runs {view.profile}.")
    return ExitCode.OK


def rm(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out)
    views, errors = for_each(args.names, lambda name: _exactly(deck.agent(name), name), out)
    if views and not args.yes and not _agreed(deck, views, out):
        return ExitCode.REFUSED

    def remove(name: str) -> AgentView:
        view = deck.agent(name)
        deck.remove(name, out.tell, stop=args.stop, keep_branch=args.keep_branch, keep_database=args.keep_database)
        return view

    removed, failed = for_each([view.name for view in views], remove, out)
    if out.json:
        told = [error_fields(error) for error in (*errors, *failed)]
        out.emit("removed", agents=[view.name for view in removed], errors=told)
    return worst([*errors, *failed])


def _exactly(view: AgentView, name: str) -> AgentView:
    if view.name != name:
        raise NotFoundError(f"There is no agent “{name}”.", hint=f"rm needs the full name: {view.name}")
    return view


def _agreed(deck: Deck, views: list[AgentView], out: Output) -> bool:
    """Ask the person at the terminal; a script, which has none, meant what it said: all can be undone."""
    if out.json or not somebody_answers():
        return True
    for view in views:
        if text := deck.unsaved(view.name):
            out.complain(f"{view.name}: {text}", YELLOW)
    names = ", ".join(view.name for view in views)
    agreed = ask(f"Remove {names}: worktree, branch, ports and database? Their work is saved first.")
    if not agreed:
        out.narrate("Nothing was removed.")
    return agreed
