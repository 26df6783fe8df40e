"""Verbs for what a person is to know: digest and notify."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, Output, flush
from agentdeck.cli.reading import parse_since
from agentdeck.core.text.text import plain
from agentdeck.engine.views.documents import to_json
from agentdeck.errors import ExitCode, RefusedError

_DAY = "24h"
_HOW = "See “agentdeck notify --help”."


def digest(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    found = deck.reports.digest(parse_since(args.since or _DAY, time.time()))
    if out.json:
        out.emit("digest", **to_json(found))
    elif not args.send:
        for line in found.lines():
            out.line(plain(line))
    if args.send:
        if not deck.notices.wanted:
            raise RefusedError("There is nowhere to send the digest to.", hint=_HOW)
        if deck.notices.digest_sent():
            out.narrate("Today's digest was sent already.")
        else:
            _run_notices(["--digest", str(found.since)], str(deck.root))
    return ExitCode.FAILED if found.missing else ExitCode.OK


def notify(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    if args.test:
        if not deck.notices.wanted:
            raise RefusedError("There is nowhere to send notices to.", hint=_HOW)
        _run_notices(["--test"], str(deck.root))
    pending = deck.notices.pending()
    if out.json:
        out.emit("notices", wanted=deck.notices.wanted, notices=[to_json(each) for each in pending])
        return ExitCode.OK
    for notice in pending:
        out.line(out.styled(plain(notice.title), BOLD))
        for line in notice.body.splitlines():
            out.line(f"  {plain(line)}")
    if not deck.notices.wanted:
        out.narrate(f"Nobody is told: there is nowhere to send notices to. {_HOW}")
    elif not pending:
        out.narrate("There is nothing to tell.")
    return ExitCode.OK


def _run_notices(words: list[str], root: str) -> None:
    flush()
    argv = [sys.executable, "-I", "-m", "agentdeck.notices", "--root", root, *words]
    os.execv(argv[0], argv)  # noqa: S606 - it says itself what went wrong
