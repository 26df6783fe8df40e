"""Answers to questions by messages to a topic of the person's own: what a notice offers, and what a message means.

Each question has a word of its own that is told in its notice alone. So a message answers that question or none, and
only with a choice that was offered.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Sequence

from agentdeck.core.frozen import dataclass
from agentdeck.core.question import Asks, Question
from agentdeck.core.text.text import cut, plain

_ACTIONS = 3
"""The most buttons that ntfy shows: https://docs.ntfy.sh/publish/#action-buttons."""
_LABEL = 30


@dataclass(frozen=True, slots=True)
class Asked:
    agent: str
    key: str
    """Of the notice, so that another question of the same agent is another one."""
    word: str
    choices: tuple[tuple[str, str], ...]
    """What can be sent behind the word, each with its label."""

    @classmethod
    def of(cls, agent: str, key: str, question: Question) -> Asked:
        numbered = enumerate(question.options, 1)
        choices = [(str(number), plain(each.label)) for number, each in numbered if not each.is_own_words]
        if not question.options and question.kind is not Asks.TEXT:
            choices = [("yes", "Yes"), ("no", "No")]
        return cls(agent, key, secrets.token_hex(4), tuple(choices))


def line(topic: str, asked: Asked) -> str:
    """What is said below a question."""
    return f"To answer, send {' or '.join(f'“{asked.word} {choice}”' for choice, _ in asked.choices)} to {topic}."


def buttons(topic: str, asked: Asked) -> str:
    """The first choices as ntfy's action buttons, in JSON."""
    return json.dumps(
        [
            {
                "action": "http",
                "label": cut(label, _LABEL),
                "url": topic,
                "method": "POST",
                "body": f"{asked.word} {choice}",
                "clear": True,
            }
            for choice, label in asked.choices[:_ACTIONS]
        ]
    )


def answer(message: str, asked: Sequence[Asked]) -> tuple[Asked, str] | None:
    """The question and the choice that the message names; None where it names none that was offered."""
    word, _, choice = message.strip().partition(" ")
    for each in asked:
        is_its_own = hmac.compare_digest(word.encode("utf-8", "replace"), each.word.encode())
        if is_its_own and choice in dict(each.choices):
            return each, choice
    return None
