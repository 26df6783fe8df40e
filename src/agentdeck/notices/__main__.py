"""The process that tells: `python -m agentdeck.notices --root DIR [--test]`. It looks, waits for what is new to settle,
sends all of it as one notice, and ends."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from agentdeck.core.notices.notice import Notice, bundle
from agentdeck.core.notices.replies import Asked, buttons
from agentdeck.engine.deck import Deck
from agentdeck.errors import DeckError
from agentdeck.notices.replies import become_waiting, offered
from agentdeck.notices.sending import send

_LOOKS = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m agentdeck.notices")
    parser.add_argument("--root", type=Path, default=Path())
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--digest", type=float, default=None, metavar="SINCE")
    args = parser.parse_args()
    try:
        deck = Deck.find(args.root)
        if args.test:
            return _complain(_send(deck, [Notice("", "waiting", "", f"A test of AgentDeck · {deck.root.name}")]))
        if args.digest is not None:
            return _complain(_digest(deck, args.digest))
        with deck.notices.held():
            wrong, asked = _tell(deck)
        if asked and not wrong:
            become_waiting(deck.root, asked)
        return _complain(wrong)
    except DeckError as error:
        return _complain([str(error)])


def _tell(deck: Deck) -> tuple[list[str], list[Asked]]:
    """What went wrong, and the questions that can be answered by a message."""
    pending = deck.notices.pending()
    for _ in range(_LOOKS):
        if not pending or not deck.notices.may_send():
            break
        time.sleep(deck.notices.rules.settle)
        before, now = {notice.key for notice in pending}, deck.notices.pending()
        if any(notice.key in before for notice in now):
            told, asked = offered(deck, now)
            wrong = _send(
                deck, told, buttons(deck.notices.rules.replies, asked[0]) if len(told) == len(asked) == 1 else ""
            )
            if not wrong:
                deck.notices.told(now)
            return wrong, asked
        pending = now
    return [], []


def _digest(deck: Deck, since: float) -> list[str]:
    """Once a day; one that nobody took is sent again by the next call."""
    with deck.notices.held():
        if deck.notices.digest_sent():
            return []
        found = deck.reports.digest(since)
        body = "\n".join(found.lines()[1:])
        wrong = send(Notice("", "digest", "", found.title, body), deck.notices.urls(), deck.notices.rules.command)
        if not wrong:
            deck.notices.set_digest_sent()
        return wrong


def _send(deck: Deck, notices: list[Notice], buttons: str = "") -> list[str]:
    return send(bundle(notices), deck.notices.urls(), deck.notices.rules.command, buttons)


def _complain(wrong: list[str]) -> int:
    for text in wrong:
        sys.stderr.write(f"agentdeck: {text}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
