"""Verbs for what is sent to agents: send and messages."""

from __future__ import annotations

import re
import time
from argparse import Namespace
from typing import TYPE_CHECKING

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, DIM, Output
from agentdeck.cli.texts import read_text
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import cut, plain
from agentdeck.engine.views.documents import message_fields
from agentdeck.errors import ExitCode, NotFoundError, UsageError

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views import AgentView

_KEYS = frozenset(
    (
        *"enter escape tab btab space bspace up down left right home end ic insert dc delete".split(),
        *"npage pagedown pgdn ppage pageup pgup".split(),
        *(f"f{number}" for number in range(1, 13)),
    )
)
"""The keys that tmux knows by name, in any case."""
_STAGES = {"waiting": "waits", "typed": "is being typed", "unsure": "may not have arrived"}
_LINES = 6
"""Lines shown of a message."""


def send(args: Namespace, out: Output) -> ExitCode:
    if args.file and args.text:
        raise UsageError("Give the text with --file or on the command line, not both.")
    text = read_text(args.file) if args.file else read_text("-") if args.text == ["-"] else " ".join(args.text)
    text = text.removesuffix("\n")
    keys = [key for group in args.keys for key in group.split()]
    for key in keys:
        _check_key(key)
    if not (text or keys):
        raise UsageError(
            "There is nothing to send.",
            hint='“agentdeck send NAME "text"” types it, “agentdeck send NAME --keys C-c” presses keys.',
        )
    deck = open_deck(out, looks=True)
    view = deck.agent(args.name)
    given = deck.send(view.name, text, keys=keys, enter=not args.no_enter, now=args.now)
    if out.json:
        enter = bool(text) and not args.no_enter
        out.emit("sent", agent=view.name, text=text, keys=keys, enter=enter, waits=not given)
    elif given:
        out.narrate(f"Sent to {view.name}.")
    else:
        out.narrate(f"{view.name} is {view.state}: the message waits until it is idle.")
        out.narrate(f"“agentdeck messages {view.name}” lists it.")
    return ExitCode.OK


def messages(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=not (args.take_back or args.again))
    views = [deck.agent(args.name)] if args.name else deck.agents()
    if args.take_back or args.again:
        if not args.name:
            raise UsageError("Name the agent.", hint="agentdeck messages")
        return _act_on(deck, views[0], args, out)
    found = [(view, number, each) for view in views for number, each in enumerate(view.messages, 1)]
    if out.json:
        listed = [{"agent": view.name, "number": number, **message_fields(each)} for view, number, each in found]
        out.emit("messages", root=str(deck.root), messages=listed)
        return ExitCode.OK
    for view, number, message in found:
        age = short_duration(time.time() - message.at)
        out.line(f"{out.styled(view.name, BOLD)} {number}  {_STAGES[message.stage]}  {out.styled(age, DIM)}")
        for line in message.text.splitlines()[:_LINES]:
            out.line(f"  {plain(line)}")
    if not found:
        out.narrate("No message waits.")
    return ExitCode.OK


def _act_on(deck: Deck, view: AgentView, args: Namespace, out: Output) -> ExitCode:
    word = args.take_back or args.again
    chosen = [each for number, each in enumerate(view.messages, 1) if word in ("all", str(number))]
    if not chosen:
        what = f"{view.name} has no message {word}." if word != "all" else f"No message waits for {view.name}."
        raise NotFoundError(what, hint=f"agentdeck messages {view.name}")
    done = "taken_back" if args.take_back else "again"
    for message in chosen:
        (deck.messages.take_back if args.take_back else deck.messages.send_again)(view.name, message)
        if not out.json:
            out.narrate(f"{'Took back' if args.take_back else 'Waits again'}: {plain(cut(message.text, 60))}")
    if out.json:
        out.emit("messages", root=str(deck.root), **{done: [message_fields(each) for each in chosen]})
    return ExitCode.OK


def _check_key(key: str) -> None:
    """tmux types the letters of a name that it does not know."""
    bare = re.sub(r"^(?:[CMS]-)+(?=.)", "", key, flags=re.IGNORECASE)
    if len(bare) > 1 and bare.lower() not in _KEYS and not re.fullmatch(r"\^.|KP.|KPEnter", bare):
        raise UsageError(
            f"“{key}” is not a key.", hint="Keys are Enter, Escape, Tab, Up, C-c, M-x, F5, y; send text without --keys."
        )
