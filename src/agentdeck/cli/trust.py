"""The verb trust: show what a repository's configuration runs, reaches and loosens, and let a person approve it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agentdeck.cli.output import BOLD, GREEN, RED, YELLOW, Output, ask, at_terminal, inside_agent
from agentdeck.core.config.trust import NOT_COVERED, Change, changes, missing, told
from agentdeck.core.text.text import plain
from agentdeck.errors import ExitCode, RefusedError

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views.trust import ApprovalStanding


def trust(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.engine.deck import Deck

    deck = Deck.find()
    if args.forget:
        return _forget(deck, out)
    deck.settings  # noqa: B018 - a configuration with mistakes is not approved
    standing = deck.trust.standing()
    if args.show:
        return _show(deck, standing, out)
    if not standing.counts and inside_agent():
        raise RefusedError("An agent can't approve a configuration.", hint="Approve it from your own terminal.")
    if not standing.counts and not args.yes:
        if not at_terminal(out):
            if not out.json:
                explain(deck, standing, out)
            deck.trust.check()
        if not agreed(deck, out):
            return ExitCode.REFUSED
    elif not standing.counts:
        if not out.json:
            explain(deck, standing, out)
        deck.trust.approve(standing.values)
    if out.json:
        out.emit("trust", **_fields(deck, deck.trust.standing()))
    elif standing.counts:
        out.narrate(_how_it_stands(standing))
    return ExitCode.OK


def agreed(deck: Deck, out: Output) -> bool:
    """Ask the person at the terminal; what they were shown is what is approved."""
    standing = deck.trust.standing()
    explain(deck, standing, out)
    if not ask("Approve this?"):
        out.complain("Nothing was approved.")
        return False
    deck.trust.approve(standing.values)
    out.narrate("Approved.")
    return True


def explain(deck: Deck, standing: ApprovalStanding, out: Output, longest: int | None = 2000) -> None:
    """Say on standard error what waits for approval."""
    since = ", changed since you approved it" if standing.approved is not None else ""
    out.complain(f"The configuration of {plain(str(deck.root))}{since}:", BOLD)
    tell_changes(standing.changes, out, longest)
    if files := deck.trust.running_files():
        out.complain(f"Not covered: {plain(', '.join(files))}; agent programs run commands from these files.", YELLOW)
    out.complain(NOT_COVERED)


def tell_changes(found: Sequence[Change], out: Output, longest: int | None = 2000) -> None:
    for line in told(found, longest):
        out.complain(f"  {line}", {"-": RED, "+": GREEN}.get(line.lstrip()[:1], ""))


def _show(deck: Deck, standing: ApprovalStanding, out: Output) -> ExitCode:
    if out.json:
        out.emit("trust", **_fields(deck, standing))
        return ExitCode.OK
    for change in changes({}, standing.approved or {}):
        out.line(out.styled(f"approved: {plain(change.key)} {change.effect}", BOLD))
        for line in change.lines(None):
            out.line(f"    {line[2:]}")
    if standing.counts:
        out.narrate(_how_it_stands(standing))
    else:
        explain(deck, standing, out, None)
    return ExitCode.OK


def _how_it_stands(standing: ApprovalStanding) -> str:
    if not standing.values:
        return "This repository's configuration runs, reaches and loosens nothing."
    return "This repository's configuration is approved."


def _forget(deck: Deck, out: Output) -> ExitCode:
    had = deck.trust.forget()
    if out.json:
        out.emit("trust", **_fields(deck, deck.trust.standing()))
    else:
        out.narrate("The approval was withdrawn." if had else "There was no approval.")
    return ExitCode.OK


def _fields(deck: Deck, standing: ApprovalStanding) -> dict[str, Any]:
    """What docs/json.md calls a trust."""
    return {
        "root": str(deck.root),
        "approved": standing.counts,
        "values": standing.values,
        "changes": [
            {
                "key": change.key,
                "reach": change.reach,
                "old": None if change.old is missing else change.old,
                "new": None if change.new is missing else change.new,
            }
            for change in standing.changes
        ],
        "running_files": deck.trust.running_files(),
    }
