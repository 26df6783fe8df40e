"""The verb for the record of landings."""

from __future__ import annotations

import time
from argparse import Namespace

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, DIM, RED, Cell, Output, TableColumn
from agentdeck.cli.reading import parse_since
from agentdeck.core.text.text import cut, listed, plain
from agentdeck.errors import ExitCode, UsageError


def audit(args: Namespace, out: Output) -> ExitCode:
    if out.json and (args.csv or args.inventory):
        raise UsageError("Choose one format.", hint="agentdeck audit --json")
    deck = open_deck(out, looks=True)
    if args.inventory:
        for line in deck.audit.inventory().splitlines():
            out.line(plain(line))
        return ExitCode.OK
    since = parse_since(args.since, time.time()) if args.since else 0.0
    rows, broken = deck.audit.rows(since), deck.audit.broken()
    if out.json:
        out.emit("audit", landings=rows, broken=broken)
    elif args.csv:
        for line in deck.audit.csv(since).splitlines():
            out.line(plain(line))
    elif rows:
        table = [
            [
                Cell(plain(str(row.get("at", "?")))),
                Cell(plain(str(row.get("agent", "?"))), BOLD),
                Cell(plain(f"{row.get('base')} {str(row.get('commit'))[:10]}"), DIM),
                Cell(plain(", ".join(map(str, row.get("models") or [row.get("profile", "")])))),
                Cell(plain(str(row.get("gate_result", "?")))),
                Cell(plain(f"{row.get('approved_user')} by {row.get('approved_how')}")),
                Cell(cut(plain(str(row.get("task", ""))), 40)),
            ]
            for row in rows
        ]
        heads = [("AT", 20), ("AGENT", 5), ("COMMIT", 15), ("MODELS", 6), ("GATE", 4), ("APPROVED", 8), ("TASK", 4)]
        out.table([TableColumn(head, width) for head, width in heads], table)
    else:
        out.narrate("Nothing has landed here yet that is recorded.")
    if broken:
        out.complain(f"Changed after it was written, or not whole: line {listed(list(map(str, broken)))}.", RED)
    return ExitCode.FAILED if broken else ExitCode.OK
