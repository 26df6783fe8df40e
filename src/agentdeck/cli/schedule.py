"""The verb for what the clock starts."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, DIM, RED, Cell, Output, TableColumn
from agentdeck.core.frozen import asdict
from agentdeck.core.text.text import cut, plain
from agentdeck.engine.views.documents import agent_fields
from agentdeck.errors import DeckError, ExitCode, UsageError


def schedule(args: Namespace, out: Output) -> ExitCode:
    if (args.action == "run") != bool(args.name):
        raise UsageError("Name the schedule to run.", hint="agentdeck schedule run NAME")
    return {"ls": _ls, "run": _run, "install": _install, "remove": _remove, "tick": _tick}[args.action](args, out)


def _ls(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    found, installed = deck.schedules.all(), deck.schedules.is_installed
    if out.json:
        shown = [{**asdict(each), "following": [slot.isoformat() for slot in each.following]} for each in found]
        out.emit("schedules", installed=installed, schedules=shown)
        return ExitCode.OK
    if not found:
        out.narrate("This repository has no schedules: see [schedule.NAME] in docs/configuration.md.")
        return ExitCode.OK
    rows = [
        [
            Cell(each.name, BOLD),
            Cell(each.cron),
            Cell("  ".join(f"{slot:%a %d %b %H:%M}" for slot in each.following)),
            Cell(plain(each.last), DIM),
            Cell(cut(plain(each.what), 60)),
        ]
        for each in found
    ]
    heads = [("NAME", 6), ("CRON", 9), ("NEXT", 13), ("LAST", 4), ("TASK", 8)]
    out.table([TableColumn(head, width) for head, width in heads], rows)
    if not installed:
        out.narrate("They don't run yet: agentdeck schedule install")
    return ExitCode.OK


def _run(args: Namespace, out: Output) -> ExitCode:
    view = open_deck(out).schedules.run(args.name)
    if out.json:
        out.emit("agent", **agent_fields(view))
    else:
        out.line(view.name)
    return ExitCode.OK


def _install(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out)
    how = deck.schedules.install()
    out.narrate(f"The schedules of {plain(deck.root.name)} run, by {how}.")
    return ExitCode.OK


def _remove(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    ran = deck.schedules.remove()
    out.narrate(f"The schedules of {plain(deck.root.name)} {'run no more' if ran else 'did not run'}.")
    return ExitCode.OK


def _tick(args: Namespace, out: Output) -> ExitCode:
    """For all repositories of this user; one that can't be looked at keeps no other from its turn."""
    from agentdeck.engine.deck import Deck

    told: list[dict[str, Any]] = []
    worst = ExitCode.OK
    for root in Deck.scheduled_roots():
        try:
            deck = Deck.find(root)
            deck.repair()
            told += [{"root": str(root), **asdict(tick)} for tick in deck.schedules.tick()]
            for error in deck.pulls.look(out.tell, only_due=True)[1]:
                out.error(error)
                worst = error.exit_code
        except DeckError as error:
            out.error(error)
            worst = error.exit_code
    if out.json:
        out.emit("ticks", ticks=told)
    else:
        for each in told:
            act = out.styled(each["act"], RED if each["act"] == "failed" else BOLD)
            out.line(f"{each['schedule']}  {act}  {plain(each['text'])}")
    return worst
