"""Verbs for reviewing agents' work: search, comment and review."""

from __future__ import annotations

import re
import time
from argparse import Namespace
from typing import TYPE_CHECKING

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, DIM, Output
from agentdeck.cli.texts import read_text
from agentdeck.core.frozen import asdict
from agentdeck.core.text.text import plain
from agentdeck.errors import ExitCode, NotFoundError, UsageError

if TYPE_CHECKING:
    from agentdeck.engine.views.review import Comment


def comment(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out)
    view = deck.agent(args.name)
    text = " ".join(read_text("-") if word == "-" else word for word in args.text)
    made = deck.review.comment_at(view.name, args.place, text, old=args.old)
    count = len(deck.review.comments(view.name))
    if out.json:
        out.emit("comment", agent=view.name, comment=asdict(made), waiting=count)
    else:
        waits = "1 comment waits" if count == 1 else f"{count} comments wait"
        out.narrate(f"Kept. {waits}; “agentdeck review {view.name}” sends {'it' if count == 1 else 'them'}.")
    return ExitCode.OK


def review(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=args.dry_run)
    view = deck.agent(args.name)
    comments = deck.review.comments(view.name)
    if args.delete:
        if args.delete > len(comments):
            raise NotFoundError(f"There is no comment {args.delete}.", hint=f"agentdeck review {view.name} --dry-run")
        deck.review.delete(view.name, {comments[args.delete - 1].id})
        told, comments = "Deleted.", deck.review.comments(view.name)
    elif args.dry_run:
        told = "" if comments else f"No comments on {view.name}'s changes wait."
    else:
        told = deck.review.send(view.name, out.tell)
    if out.json:
        sent = not (args.dry_run or args.delete)
        out.emit("review", agent=view.name, comments=[asdict(each) for each in comments], sent=sent)
        return ExitCode.OK
    for number, each in enumerate(comments, 1):
        _print(number, each, out)
    if told:
        out.narrate(plain(told))
    return ExitCode.OK


def search(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    found = list(deck.review.search(_pattern(args.pattern), args.names))
    if out.json:
        out.emit("search", matches=[asdict(each) for each in found])
        return ExitCode.OK if found else ExitCode.NOT_FOUND
    for each in found:
        when = time.strftime("%H:%M:%S ", time.localtime(each.at)) if each.at else ""
        sign = f"{each.kind} " if len(each.kind) == 1 else ""
        text = plain(each.text) if each.text else each.kind
        out.line(f"{out.styled(plain(each.agent), BOLD)}  {out.styled(when + plain(each.place), DIM)}  {sign}{text}")
    if not found:
        raise NotFoundError(f"Nothing matches “{args.pattern}”.", hint="“agentdeck ls” lists the agents.")
    return ExitCode.OK


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, 0 if text != text.lower() else re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"“{text}” is not a regular expression.", detail=str(error)) from error


def _print(number: int, each: Comment, out: Output) -> None:
    gone = " (removed)" if each.removed else ""
    out.line(f"{number}. {out.styled(plain(each.place), BOLD)}{gone}")
    if each.quote:
        out.line(f"   {out.styled(f'> {plain(each.quote).strip()}', DIM)}")
    for line in each.text.splitlines():
        out.line(f"   {plain(line)}")
