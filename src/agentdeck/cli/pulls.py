"""Pull requests of agents: open one, list them, follow them."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import TYPE_CHECKING

from agentdeck.cli.agents import pull_cell
from agentdeck.cli.deck import open_deck, worst
from agentdeck.cli.interrupts import terminated_as_interrupted
from agentdeck.cli.output import BOLD, DIM, Cell, Output, TableColumn
from agentdeck.core.frozen import asdict
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain
from agentdeck.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck
    from agentdeck.errors import DeckError


def pr(args: Namespace, out: Output) -> ExitCode:
    if args.name and (args.watch or args.check):
        raise UsageError("--watch and --check are about all pull requests.", hint="agentdeck pr --watch")
    if not args.name and (args.into or args.message or args.draft or args.program):
        raise UsageError("Name the agent whose pull request it is.", hint="agentdeck pr NAME")
    if args.no_react and not (args.watch or args.check):
        raise UsageError("--no-react works with --watch or --check only.")
    if args.name:
        return _propose(args, out)
    deck = open_deck(out, looks=not (args.watch or args.check))
    if args.watch:
        with terminated_as_interrupted():
            deck.pulls.watch(out.note, out.error, react=not args.no_react)
        out.narrate("No pull request is open.")
        return ExitCode.OK
    errors: list[DeckError] = []
    if args.check:
        _, errors = deck.pulls.look(out.tell, react=not args.no_react)
        for error in errors:
            out.error(error)
    _show(deck, out)
    return worst(errors)


def _propose(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.engine.views.landings import LandRequest

    request = LandRequest((args.name,), into=args.into or "", message=args.message or "")
    address = open_deck(out).landings.propose(request, draft=args.draft, program=args.program, note=out.tell)
    if out.json:
        out.emit("proposed", agent=args.name, url=address)
    else:
        out.line(address)
    return ExitCode.OK


def _show(deck: Deck, out: Output) -> None:
    views = [view for view in deck.agents() if view.pull is not None]
    if out.json:
        out.emit("pulls", pulls=[{"agent": view.name, **asdict(view.pull)} for view in views if view.pull])
        return
    if not views:
        out.narrate("No agent has a pull request: agentdeck pr NAME")
        return
    rows = []
    for view in views:
        assert view.pull is not None
        age = short_duration(time.time() - view.pull.at) if view.pull.at else "never"
        rows.append([Cell(view.name, BOLD), pull_cell(view), Cell(age, DIM), Cell(plain(view.pull.url))])
    heads = [("AGENT", 8), ("PR", 8), ("LOOKED", 6), ("ADDRESS", 12)]
    out.table([TableColumn(head, width) for head, width in heads], rows)
