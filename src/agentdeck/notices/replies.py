"""The process that waits for answers to a notice: it asks a topic of ntfy for new messages until the questions are
answered, here or there. It loads no Apprise, and holds the questions' words in its environment alone."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from agentdeck.core.frozen import asdict
from agentdeck.core.notices.notice import Notice, with_line
from agentdeck.core.notices.replies import Asked, answer, line
from agentdeck.engine.deck import Deck
from agentdeck.errors import DeckError

_WORDS = "AGENTDECK_REPLIES"
_EVERY = 5.0
"""Seconds between two looks; ntfy.sh gives a visitor one request each 5 s: https://docs.ntfy.sh/publish/#limitations."""
_PATIENCE = 12 * 3600.0
_TIMEOUT = 20.0


def offered(deck: Deck, notices: Sequence[Notice]) -> tuple[list[Notice], list[Asked]]:
    """The notices, with what answers their questions, where the person has a topic for that."""
    rules, asked, told = deck.notices.rules, list[Asked](), list[Notice]()
    for notice in notices:
        question = deck.notices.question(notice.agent, notice.key)
        its_own = Asked.of(notice.agent, notice.key, question) if question is not None else None
        if rules.replies and rules.detail == "question" and its_own is not None and its_own.choices:
            asked.append(its_own)
            told.append(with_line(notice, line(rules.replies, its_own)))
        else:
            told.append(notice)
    return told, asked


def become_waiting(root: Path, asked: Sequence[Asked]) -> None:
    """Go on as that process."""
    environment = os.environ | {_WORDS: json.dumps([asdict(each) for each in asked])}
    os.execve(  # noqa: S606 - the same Python
        sys.executable,
        [sys.executable, "-I", "-m", "agentdeck.notices.replies", str(root), str(int(time.time()))],
        environment,
    )


def main() -> int:
    root, since = Path(sys.argv[1]), sys.argv[2]
    asked = [
        Asked(**{**each, "choices": tuple(map(tuple, each["choices"]))}) for each in json.loads(os.environ.pop(_WORDS))
    ]
    deck, deadline = Deck.find(root), time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        asked = [each for each in asked if deck.notices.question(each.agent, each.key) is not None]
        if not asked:
            return 0
        for at, text in _messages(deck.notices.rules.replies, since):
            since = at
            if (found := answer(text, asked)) is not None:
                _answer(deck, *found)
        time.sleep(_EVERY)
    return 0


def _answer(deck: Deck, asked: Asked, choice: str) -> None:
    question = deck.notices.question(asked.agent, asked.key)
    if question is not None:
        with suppress(DeckError):  # it was answered at the same time
            deck.answer(asked.agent, choice, seen=question)


def _messages(topic: str, since: str) -> Iterator[tuple[str, str]]:
    """The messages that came after the one with the id `since`, or the time; each with its id."""
    address = f"{topic}/json?poll=1&since={quote(since)}"
    with suppress(OSError, ValueError, RecursionError), urllib.request.urlopen(address, timeout=_TIMEOUT) as found:  # noqa: S310 - see check_topic
        for each in found:
            told = json.loads(each)
            if isinstance(told, dict) and told.get("event") == "message":
                yield str(told.get("id", since)), str(told.get("message", ""))


if __name__ == "__main__":
    sys.exit(main())
