"""Say out of the window what needs a person: the bell, a desktop notification, the terminal's title."""

from __future__ import annotations

from collections.abc import Collection

from agentdeck.core.agents.agent import State
from agentdeck.core.text.text import cut, plain
from agentdeck.tui.feed.snapshot import FeedSnapshot, Row

PUSH_TITLE = "\x1b[22;2t"
POP_TITLE = "\x1b[23;2t"
_WORDS = {State.WAITING: "waits", State.FAILED: "failed", State.DONE: "is done"}
_LONGEST = 120


def alerts(old: FeedSnapshot, new: FeedSnapshot, states: Collection[str] = frozenset(map(str, _WORDS))) -> list[str]:
    """One sentence for each agent that got into one of `states` between the two, of waiting, failed and done."""
    before = {row.name: row.state for row in old.rows}
    called = [row for row in new.rows if row.state in _WORDS and row.state in states and not row.view.status.is_idle]
    return [_sentence(row) for row in called if before.get(row.name, row.state) != row.state]


def _sentence(row: Row) -> str:
    reason = plain(row.view.reason)
    said = f"{row.name} {_WORDS[row.state]}"
    tells = row.state is not State.DONE or row.view.status.result
    return cut(f"{said}: {reason}" if reason and tells else said, _LONGEST)


def title(repository: str, shot: FeedSnapshot) -> str:
    """What the terminal's title says: how many wait, and failed, before the repository's name."""
    needy = [row.state for row in shot.needy]
    waiting, broken = needy.count(State.WAITING), needy.count(State.FAILED)
    parts = [f"{waiting} waiting" if waiting else "", f"{broken} failed" if broken else ""]
    said = ", ".join(part for part in parts if part)
    return plain(f"{said} – {repository}" if said else f"{repository} – agentdeck")


def set_title(text: str) -> str:
    """The bytes that make `text` the terminal's title."""
    return f"\x1b]2;{plain(text)}\x07"


def desktop_notification(text: str) -> str:
    """The bytes that make a terminal show `text` as a notification (OSC 9); others take no notice of them."""
    return f"\x1b]9;{plain(text)}\x07"
