"""Verbs for what agents ask: asks and answer."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, DIM, Output
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain
from agentdeck.engine.views.documents import question_fields
from agentdeck.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from agentdeck.core.question import Question

_LINES = 12
"""Lines shown of what a question is about."""


def asks(args: Namespace, out: Output) -> ExitCode:
    if args.queue:
        return _asks_of_queue(out)
    deck = open_deck(out, looks=True)
    asking = [view for view in deck.agents() if view.alive and not view.status.is_idle]
    found = [({"agent": view.name}, each) for view in asking for each in view.status.questions]
    return _print(found, str(deck.root), "No agent asks anything.", out)


def _asks_of_queue(out: Output) -> ExitCode:
    from agentdeck.engine.deck import Deck

    told = Deck.batches().asks()
    found = [({"agent": each.agent, "batch": each.batch}, each.question) for each in told if each.question is not None]
    return _print(found, None, "No agent of a batch asks anything.", out)


def _print(found: Sequence[tuple[dict[str, str], Question]], root: str | None, without: str, out: Output) -> ExitCode:
    """Each question with who asks it, as the fields of JSON."""
    if out.json:
        asked = [{**who, **question_fields(question)} for who, question in found]
        out.emit("asks", root=root, questions=asked)
        return ExitCode.OK
    for who, question in found:
        _show(who["agent"], question, out)
    if not found:
        out.narrate(without)
    return ExitCode.OK


def _show(agent: str, question: Question, out: Output) -> None:
    age = short_duration(time.time() - question.at) if question.at else ""
    out.line(f"{out.styled(agent, BOLD)}  {plain(question.text)}  {out.styled(age, DIM)}")
    about = [line for part in (question.subject, question.detail) for line in part.splitlines()]
    for line in about[:_LINES]:
        out.line(f"  {out.styled(plain(line), DIM)}")
    for number, option in enumerate(question.options, 1):
        more = f"  {out.styled(plain(option.description), DIM)}" if option.description else ""
        out.line(f"  {number} {plain(option.label)}{more}")


def answer(args: Namespace, out: Output) -> ExitCode:
    if args.queue:
        return _answer_by_queue(args, out)
    deck = open_deck(out)
    view = deck.agent(args.name)
    said = deck.answer(view.name, args.choice, args.text)
    if out.json:
        out.emit("answered", agent=view.name, answer=said)
    else:
        out.narrate(f"Answered {view.name}: {plain(said)}.")
    return ExitCode.OK


def _answer_by_queue(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.engine.deck import Deck

    if not args.choice and not args.text:
        raise UsageError("Say which option to choose, or answer with --text.")
    sent = Deck.batches().answer(args.name, args.choice, args.text)
    said = args.text or args.choice
    if out.json:
        out.emit("answered", agent=sent.agent, answer=said, batch=sent.batch)
    else:
        out.narrate(f"Sent to {plain(sent.agent)}: {plain(said)}. The batch's worker gives it.")
    return ExitCode.OK
