"""Every key of the dashboard, in one table: what it is for, and the id by which it can be given another key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a key does; `id` is what a keymap calls it."""

    id: str
    keys: str
    action: str
    short: str
    """One or two words for the line of keys."""
    help: str
    """A sentence for the help and the palette."""


AGENTS = "The selected agent"
DECK = "The deck"
LOOK = "What is shown"
PROGRAM = "The program"

KEYS: dict[str, tuple[Key, ...]] = {
    AGENTS: (
        Key("agent.attach", "enter", "attach", "attach", "Be at the agent's own keys; detaching comes back (ctrl+b d)"),
        Key("agent.type", "i", "type", "type", "Type a line to the agent"),
        Key("agent.yes", "y", "answer(True)", "yes", "Answer yes to what it asks permission for"),
        Key("agent.no", "N", "answer(False)", "no", "Answer no to what it asks permission for"),
        Key("agent.stop", "s", "stop", "stop", "Stop it; what it made stays"),
        Key("agent.resume", "r", "resume", "resume", "Start it again, with a few more words if you like"),
        Key("agent.land", "m", "land", "land", "Land it, or all that are marked, on the base, through the gate"),
        Key("agent.fail-over", "f", "fail_over", "fail over", "Let another profile go on with it, or its own again"),
        Key("agent.remove", "x", "remove", "remove", "Remove it: worktree, branch, ports and database are saved first"),
        Key("agent.editor", "o", "editor", "open", "Open its worktree in your editor"),
        Key("agent.shell", "w", "shell", "shell", "Open a shell in its worktree"),
    ),
    DECK: (
        Key("deck.new", "n", "new", "new", "Start a new agent"),
        Key("deck.next", "tab,exclamation_mark", "next_needy", "next", "Go to the next agent that needs you"),
        Key("deck.mark", "space", "mark", "mark", "Mark the agent, or take its mark away"),
        Key("deck.mark-all", "A", "mark_all", "mark all", "Mark all agents that are shown, or none"),
        Key("deck.broadcast", "b", "broadcast", "to marked", "Send the same message to all that are marked"),
        Key("deck.queue", "L", "queue", "queue", "The landing queue: stages, reasons, and the gate's output"),
        Key("deck.radar", "R", "radar", "radar", "Which agents will collide, and in which order to land them"),
        Key("deck.undo", "u", "undo", "undo", "Take back the last removal, landing or prune"),
        Key("deck.trash", "U", "trash", "trash", "All that can be taken back"),
        Key("deck.prune", "p", "prune", "prune", "What has gone stale, and clear it away"),
        Key("deck.cancel", "X", "cancel", "cancel", "Cancel what is being done now"),
    ),
    LOOK: (
        Key("look.filter", "slash", "filter", "filter", "Show only agents that match, letter by letter"),
        Key("look.order", "S", "order", "order", "Sort by the next order: need, name, age, last change, CPU, cost"),
        Key("look.group", "g", "group", "group", "Group by nothing, state, profile or base branch"),
        Key("look.pane", "right,f6", "focus_pane", "into tab", "Put the keys into the tab; escape comes back"),
        Key("look.zoom", "z", "zoom", "zoom", "Give the tab the whole screen, or give the list back its part"),
        Key("tab.screen", "1", "tab('Screen')", "screen", "Its terminal, live"),
        Key("tab.log", "2,l", "tab('Log')", "log", "Its output with times"),
        Key("tab.diff", "3,d", "tab('Diff')", "diff", "What it changed"),
        Key("tab.commits", "4", "tab('Commits')", "commits", "What it committed"),
        Key("tab.env", "5", "tab('Env')", "env", "Its ports, database and variables"),
        Key("tab.usage", "6", "tab('Usage')", "usage", "Its processor time and memory"),
        Key("tab.events", "7,e", "tab('Events')", "events", "What happened to it"),
    ),
    PROGRAM: (
        Key("program.help", "question_mark", "help", "help", "This help"),
        Key("program.theme", "ctrl+t", "theme", "theme", "Light or dark"),
        Key("program.back", "escape", "back", "back", "Back to the list; take filter and marks away"),
        Key("program.quit", "q", "quit", "quit", "Leave the dashboard; the agents go on"),
    ),
}
BY_ACTION = {key.action: key for keys in KEYS.values() for key in keys}
BY_ID = {key.id: key for keys in KEYS.values() for key in keys}
_SHOWN = {
    "enter": "⏎",
    "slash": "/",
    "question_mark": "?",
    "exclamation_mark": "!",
    "escape": "esc",
    "right": "→",
    "left": "←",
    "up": "↑",
    "down": "↓",
    "comma": ",",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "full_stop": ".",
}


def bindings() -> list[Binding]:
    """The table as Textual takes it."""
    return [
        Binding(key.keys, key.action, key.help, show=False, id=key.id, priority=False)
        for keys in KEYS.values()
        for key in keys
    ]


def shown_keys(key: Key, keymap: Mapping[str, str]) -> str:
    """The keys of it as a person reads them, with the changes of `keymap`."""
    keys = keymap.get(key.id) or key.keys
    return " ".join(_SHOWN.get(each.strip(), each.strip()) for each in keys.split(","))


def first_key(key: Key, keymap: Mapping[str, str]) -> str:
    return shown_keys(key, keymap).split(" ", maxsplit=1)[0]


def checked(keymap: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The entries of `keymap` that can hold, and one sentence for each that can't."""
    from agentdeck.tui.tabkeys import TAB_IDS

    good: dict[str, str] = {}
    complaints = []
    for name, keys in keymap.items():
        if name not in BY_ID and name not in TAB_IDS:
            complaints.append(f"There is no key called “{name}”; the help (?) shows their names.")
        elif not keys.strip(", "):
            complaints.append(f"The key “{name}” can't be empty.")
        else:
            good[name] = keys
    used: dict[str, str] = {}
    for key in BY_ID.values():
        for each in (good.get(key.id) or key.keys).split(","):
            other = used.setdefault(each.strip(), key.id)
            if other != key.id:
                complaints.append(f"The key {each.strip()} stands for both “{other}” and “{key.id}”.")
                good.pop(key.id if key.id in good else other, None)
    return good, complaints
