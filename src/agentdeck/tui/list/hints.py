"""Which keys the line at the bottom names: those that do something useful now, the most useful first."""

from __future__ import annotations

from collections.abc import Mapping

from textual.screen import Screen

from agentdeck.core.agents.agent import State
from agentdeck.tui.feed.snapshot import Outcome, Row
from agentdeck.tui.keys.keymap import first_key
from agentdeck.tui.keys.keys import BY_ACTION, BY_ID
from agentdeck.tui.list.header import KeyHint
from agentdeck.tui.list.messages import MessageLine

FILTERING = (KeyHint("⏎", "use this filter", "filter_done"), KeyHint("esc", "show all", "back"))
"""While the keys are in the filter."""


def hints_for(
    row: Row | None, *, tab: str, marked: int, asks: bool, needy: bool, can_cancel: bool, keymap: Mapping[str, str]
) -> tuple[KeyHint, ...]:
    """`tab` is the one that the keys are in; “” where they are in the list. `asks`: whether any agent does; `needy`:
    whether another one needs a person."""
    actions = ["cancel"] if can_cancel else []
    actions += ["broadcast"] if marked else []
    if row is not None and row.state is State.WAITING and row.view.alive and not row.is_idle:
        question = row.view.status.question
        words = question.words if question is not None else ("yes", "no")
        actions += [f"answer('{word}')" for word in words]
    if row is not None:
        actions += ["land"] if row.state is State.DONE or (row.is_idle and row.outcome is Outcome.READY) else []
        actions += ["fail_over"] if row.state is State.LIMITED else []
        actions += ["resume"] if row.view.waits_for_room else []
        if row.view.alive:
            actions += ["open", "type", "stop"]
        elif row.state is not State.STARTING:  # there is nothing yet that could be gone on with
            actions += ["resume", "remove"]
    actions += [*(["next_needy"] if needy else []), *(["inbox"] if asks else [])]
    actions.append("new")
    if row is not None:
        actions += ["find", "focus_pane", "mark", "editor", "shell"]
        actions += ["remove"] if row.view.alive else []
        actions += ["fail_over"] if not row.view.agent.argv else []
        actions += ["undo", "queue", "radar", "prune", "trash", "order", "group"]
    actions += ["help", "quit"]
    actions = ["back", *(action for action in actions if action != "focus_pane")] if tab else actions
    return tuple(hint_of(BY_ACTION[action].id, keymap) for action in dict.fromkeys(actions))


def hint_of(name: str, keymap: Mapping[str, str], word: str = "") -> KeyHint:
    """The key of that id, as this person has it; `word` is what it does here, where that is known closer."""
    key = BY_ID[name]
    return KeyHint(first_key(key, keymap), word or key.short, key.action)


def show_activity(screen: Screen[None], text: str, *, can_cancel: bool) -> None:
    """Say on the screen's own line what is being done, and by which key that is cancelled."""
    for line in screen.query(MessageLine):  # none before it is composed, and when it goes
        line.text = text
        line.hint = f"{hint_of('deck.cancel', screen.app._keymap).key} cancels" if can_cancel else ""
