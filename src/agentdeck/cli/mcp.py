"""Verbs for other programs that drive the deck: mcp and skill."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from importlib.util import find_spec

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import Output, flush
from agentdeck.errors import ExitCode, MissingToolError, NotFoundError, UsageError


def mcp(args: Namespace, out: Output) -> ExitCode:
    if args.port and not args.http:
        raise UsageError("--port is for --http.", hint="agentdeck mcp --http --port 7878")
    if find_spec("fastmcp") is None:
        raise MissingToolError("FastMCP is not installed.", hint="pip install 'agentdeck[mcp]'")
    deck = open_deck(out, looks=True)
    argv = [sys.executable, "-I", "-m", "agentdeck.mcp", "--root", str(deck.root)]
    if args.http:
        argv += ["--http", "--port", str(args.port or 0)]
    flush()
    return os.execv(argv[0], argv)  # noqa: S606 - the streams are the client's from here on


def skill(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.system.machine import host

    if args.action == "show":
        out.line(host.skill_text().rstrip("\n"))
        return ExitCode.OK
    places = host.skill_places()
    if not places:
        raise NotFoundError(
            "Neither Claude Code nor Codex is set up for you.", hint="Run “claude” or “codex” once, then try again."
        )
    done = [str(place) for place in places if host.change_skill(place, install=args.action == "install")]
    if out.json:
        out.emit("skill", action=args.action, files=done)
        return ExitCode.OK
    for path in done:
        out.narrate(f"{'Wrote' if args.action == 'install' else 'Deleted'} {path}.")
    if not done:
        out.narrate("There was nothing to do.")
    return ExitCode.OK
