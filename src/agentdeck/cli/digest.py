"""The verb for what happened."""

from __future__ import annotations

import time
from argparse import Namespace

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import Output
from agentdeck.cli.reading import parse_since
from agentdeck.core.text.text import plain
from agentdeck.engine.views.documents import to_json
from agentdeck.errors import ExitCode

_DAY = "24h"


def digest(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    found = deck.reports.digest(parse_since(args.since or _DAY, time.time()))
    if out.json:
        out.emit("digest", **to_json(found))
    else:
        for line in found.lines():
            out.line(plain(line))
    return ExitCode.FAILED if found.missing else ExitCode.OK
