"""The verb that a home calls on a host: host."""

from __future__ import annotations

import os
from argparse import Namespace

from agentdeck.cli.output import Output, flush
from agentdeck.engine.host import entrance
from agentdeck.errors import ExitCode, UsageError

_IDLE = 600.0
"""Seconds after which a host that nobody needs gives itself back."""


def host(args: Namespace, out: Output) -> ExitCode:
    if args.action == "serve":
        entrance.serve()
        return ExitCode.OK
    if args.action == "hold":
        entrance.hold(args.idle or _IDLE)
        return ExitCode.OK
    if args.action == "far-end":
        entrance.far_end()
        return ExitCode.OK
    if args.action == "tunnel":
        entrance.tunnel(args.deck or "")
        return ExitCode.OK
    if not (args.deck and args.name):
        raise UsageError("Name the deck and the agent.", hint="agentdeck host attach DECK NAME")
    argv = entrance.attach_argv(args.deck, args.name)
    flush()
    return os.execvp(argv[0], argv)  # noqa: S606 - the terminal is tmux's from here on
