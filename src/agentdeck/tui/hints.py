"""Which keys the line at the bottom names: those that do something useful now, the most useful first."""

from __future__ import annotations

from collections.abc import Mapping

from agentdeck.core.agent import State
from agentdeck.tui.header import KeyHint
from agentdeck.tui.keymap import first_key
from agentdeck.tui.keys import BY_ACTION
from agentdeck.tui.snapshot import Row

FILTERING = (KeyHint("⏎", "use this filter", "filter_done"), KeyHint("esc", "show all", "back"))
"""While the keys are in the filter."""


def hints_for(row: Row | None, *, marked: int, needy: bool, keymap: Mapping[str, str]) -> tuple[KeyHint, ...]:
    actions = ["broadcast"] if marked else []
    if row is not None and row.state is State.WAITING and row.view.alive:
        actions += ["answer(True)", "answer(False)"]
    if row is not None:
        actions += ["land"] if row.state is State.DONE else []
        actions += ["fail_over"] if row.state is State.LIMITED else []
        actions += ["attach", "type", "stop"] if row.view.alive else ["resume", "remove"]
    actions += ["next_needy"] if needy else []
    actions.append("new")
    if row is not None:
        actions += ["filter", "focus_pane", "mark", "editor", "shell"]
        actions += ["remove"] if row.view.alive else []
        actions += ["fail_over"] if not row.view.agent.argv else []
        actions += ["undo", "queue", "radar", "prune", "trash", "order", "group"]
    actions += ["help", "quit"]
    keys = [BY_ACTION[action] for action in dict.fromkeys(actions)]
    return tuple(KeyHint(first_key(key, keymap), key.short, key.action) for key in keys)
