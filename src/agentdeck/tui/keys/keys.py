"""Every key of the dashboard, in tables: what it is for, and the id by which it can be given another key."""

from __future__ import annotations

from collections.abc import Iterable
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


AGENTS = "Selected agent"
DECK = "Deck"
VIEWS = "Views"
LOOK = "View"
PROGRAM = "Program"

KEYS: dict[str, tuple[Key, ...]] = {
    AGENTS: (
        Key("agent.attach", "enter", "attach", "attach", "Attach to its terminal; ctrl+b d detaches"),
        Key("agent.type", "i", "type", "type", "Type a line to it"),
        Key("agent.yes", "y", "answer('yes')", "yes", "Answer yes to its question, where it has a yes and a no"),
        Key("agent.no", "N", "answer('no')", "no", "Answer no to its question, where it has a yes and a no"),
        Key("agent.option-8", "8", "choose(8)", "8", "Choose option 8 of its question, as 1 to 7 do"),
        Key("agent.option-9", "9", "choose(9)", "9", "Choose option 9 of its question"),
        Key("agent.stop", "s", "stop", "stop", "Stop it; its work stays"),
        Key("agent.resume", "r", "resume", "resume", "Resume it, with an optional prompt"),
        Key("agent.land", "m", "land", "land", "Land it, or all marked agents, through the gate"),
        Key("agent.fail-over", "f", "fail_over", "fail over", "Continue it with another profile, or its own again"),
        Key("agent.remove", "x", "remove", "remove", "Remove it; its work is saved first"),
        Key("agent.editor", "o", "editor", "open", "Open its worktree in your editor"),
        Key("agent.shell", "w", "shell", "shell", "Open a shell in its worktree"),
    ),
    DECK: (
        Key("deck.new", "n", "new", "new", "Start a new agent"),
        Key("deck.next", "tab", "next_needy", "next", "Go to the next agent that needs you"),
        Key("deck.mark", "space", "mark", "mark", "Mark or unmark the agent"),
        Key("deck.mark-all", "A", "mark_all", "mark all", "Mark all shown agents, or none"),
        Key("deck.broadcast", "b", "broadcast", "to marked", "Send one message to all marked agents"),
        Key("deck.queue", "L", "queue", "queue", "Landing queue: stages, reasons and gate output"),
        Key("deck.radar", "R", "radar", "radar", "Conflicts between agents, and the best landing order"),
        Key("deck.undo", "u", "undo", "undo", "Undo the last removal, landing or prune"),
        Key("deck.trash", "U", "trash", "trash", "All steps that can be undone"),
        Key("deck.prune", "p", "prune", "prune", "Review and delete stale items"),
        Key(
            "deck.trust",
            "T",
            "trust",
            "trust",
            "Approve the repository's configuration",
        ),
        Key("deck.cancel", "X", "cancel", "cancel", "Cancel the current action"),
    ),
    VIEWS: (
        Key("view.inbox", "exclamation_mark", "inbox", "inbox", "Answer all waiting questions, one after the other"),
    ),
    LOOK: (
        Key("look.filter", "slash", "filter", "filter", "Filter the agents as you type"),
        Key("look.order", "S", "order", "order", "Next sort order: need, name, age, change, CPU, cost"),
        Key("look.group", "g", "group", "group", "Group by nothing, state, profile or base"),
        Key("look.pane", "right,f6", "focus_pane", "into tab", "Focus the tab; escape returns"),
        Key("look.zoom", "z", "zoom", "zoom", "Show the tab in full screen, or beside the list"),
        Key("tab.screen", "1", "tab('Screen', 1)", "screen", "Its terminal, live"),
        Key("tab.log", "2", "tab('Log', 2)", "log", "Its output, with times"),
        Key("tab.log-letter", "l", "tab('Log')", "log", "The same, while numbers answer a question too"),
        Key("tab.diff", "3", "tab('Diff', 3)", "diff", "Its changes"),
        Key("tab.diff-letter", "d", "tab('Diff')", "diff", "The same, while numbers answer a question too"),
        Key("tab.commits", "4", "tab('Commits', 4)", "commits", "Its commits"),
        Key("tab.env", "5", "tab('Env', 5)", "env", "Its ports, database and variables"),
        Key("tab.usage", "6", "tab('Usage', 6)", "usage", "Its processor time and memory"),
        Key("tab.events", "7", "tab('Events', 7)", "events", "Its events"),
        Key("tab.events-letter", "e", "tab('Events')", "events", "The same, while numbers answer a question too"),
    ),
    PROGRAM: (
        Key("program.help", "question_mark", "help", "help", "This help"),
        Key("program.theme", "ctrl+t", "theme", "theme", "Light or dark theme"),
        Key("program.back", "escape", "back", "back", "Return to the list; clear filter and marks"),
        Key("program.quit", "q", "quit", "quit", "Quit the dashboard; agents keep running"),
    ),
}
IN_LIST = (
    Key("list.down", "down,j", "move(1)", "down", "The next agent"),
    Key("list.up", "up,k", "move(-1)", "up", "The previous agent"),
    Key("list.page-down", "pagedown", "page(1)", "page down", "One page down"),
    Key("list.page-up", "pageup", "page(-1)", "page up", "One page up"),
    Key("list.first", "home", "move(-100000)", "first", "The first agent"),
    Key("list.last", "end,G", "move(100000)", "last", "The last agent"),
)
"""The keys that work while they are in the list of agents."""
IN_ROWS = (
    Key("rows.down", "down,j", "move(1)", "down", "The next line"),
    Key("rows.up", "up,k", "move(-1)", "up", "The previous line"),
    Key("rows.page-down", "pagedown,ctrl+d", "page(1)", "page down", "One page down"),
    Key("rows.page-up", "pageup,ctrl+u", "page(-1)", "page up", "One page up"),
    Key("rows.first", "home,g", "move(-100000000)", "first", "The first line"),
    Key("rows.last", "end,G", "move(100000000)", "last", "The last line"),
    Key("rows.open", "enter", "open", "open", "Go to the file, or show the commit's changes"),
)
"""The keys of every tab that has a current line: all but Screen and Log."""
IN_DIFF = (
    Key("diff.next-file", "n", "step('file', 1)", "file", "The next file"),
    Key("diff.file-before", "p", "step('file', -1)", "file", "The previous file"),
    Key("diff.next-hunk", "right_square_bracket", "step('@', 1)", "change", "The next change"),
    Key("diff.hunk-before", "left_square_bracket", "step('@', -1)", "change", "The previous change"),
)
"""The keys of a diff, in the tab Diff and of one commit."""
LOG, DIFF, COMMITS, ENV = "In the tab Log", "In the tab Diff", "In the tab Commits", "In the tab Env"

IN_TABS: dict[str, tuple[Key, ...]] = {
    LOG: (
        Key("log.search", "slash", "search", "search", "Search; a capital letter makes it case-sensitive"),
        Key("log.next", "n", "step(1)", "next", "The next match"),
        Key("log.before", "N", "step(-1)", "before", "The previous match, also further up in the log"),
        Key("log.filter", "f", "filter", "filter", "Show only lines that contain a text"),
        Key("log.wrap", "w", "wrap", "wrap", "Wrap long lines, or not"),
        Key("log.end", "G", "end", "follow", "Go to the end, and follow it"),
        Key("log.home", "g", "home", "older", "Go to older output"),
        Key("log.replay", "space", "replay", "replay", "Play the recording of its terminal, or pause it"),
        Key("log.slower", "less_than_sign,comma", "speed(-1)", "slower", "Play it slower"),
        Key("log.faster", "greater_than_sign,full_stop", "speed(1)", "faster", "Play it faster, up to 8x"),
        Key("log.back", "left", "skip(-10)", "back", "Ten seconds back in the recording"),
        Key("log.on", "right", "skip(10)", "on", "Ten seconds forward in the recording"),
        Key("log.leave", "escape", "leave_replay", "leave", "Back from the recording to the log"),
    ),
    DIFF: (
        Key("diff.comment", "c", "comment", "comment", "Comment on this line; sent later with C"),
        Key("diff.send", "C", "send", "send all", "Send all comments; resume the agent if it ended"),
        Key("diff.delete", "X", "delete", "delete", "Delete the comment on this line"),
        Key("diff.scope", "u", "scope", "committed", "Show all, only committed, or uncommitted changes"),
    ),
    COMMITS: (Key("commits.list", "backspace,escape", "list", "list", "Return to the list of commits"),),
    ENV: (
        Key("env.copy", "y", "copy", "copy", "Copy the value to the clipboard"),
        Key("env.reveal", "v", "reveal", "secret", "Show or hide the secret on this line"),
    ),
}
SECTIONS: dict[str, tuple[Key, ...]] = {
    **KEYS,
    "In the list of agents": IN_LIST,
    "In a tab with lines": IN_ROWS,
    "In a diff": IN_DIFF,
    **IN_TABS,
}
"""All of them, as the help shows them."""
BY_ID = {key.id: key for keys in SECTIONS.values() for key in keys}
BY_ACTION = {key.action: key for keys in KEYS.values() for key in keys}


def bound(keys: Iterable[Key]) -> list[Binding]:
    """The keys as Textual takes them."""
    return [Binding(key.keys, key.action, key.help, show=False, id=key.id) for key in keys]
