"""Every key of the dashboard, in tables: what it is for, and the id by which it can be given another key.

A key means one thing, whatever has the focus: where several widgets take it, each binds the same `Key` and does with
its action what that says. `keymap.checked` and the tests hold this over all of `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding

from agentdeck.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a key does; `id` is what a keymap calls it."""

    id: str
    keys: str
    action: str
    short: str
    """One or two words for the line of keys and the palette."""
    help: str
    """A sentence for the help."""
    label: str = ""
    """What the palette calls it, the verb first; “” where it is not listed there."""


AGENTS = "Agents: the selected one, or all marked ones"
ANSWERS = "Answers"
DECK = "Deck"
VIEWS = "Views"
LOOK = "List"
TABS = "Tabs"
PROGRAM = "Program"

OPTIONS = tuple(
    Key(f"agent.option-{number}", str(number), f"choose({number})", str(number), "Answer with this option")
    for number in range(1, 10)
)
NEXT = Key(
    "deck.next", "tab", "next_needy", "next", "Go to the next agent that needs you", "Go to the next that needs you"
)
OPEN = Key(
    "agent.attach",
    "enter",
    "open",
    "attach",
    "Attach to its terminal (F12 comes back); in a tab, open the line",
    "Attach",
)
REMOVE = Key("agent.remove", "x", "remove", "remove", "Remove, after a question; the work is saved first", "Remove")
DELETE = Key(
    "diff.delete",
    "delete,backspace",
    "delete",
    "delete",
    "Delete the comment on this line; in the settings, your value",
)
UNDO = Key("deck.undo", "u", "undo", "undo", "Undo the last step, or the selected one", "Undo the last step")
MARK = Key("deck.mark", "space", "mark", "mark", "Mark or unmark", "Mark")
CANCEL = Key("deck.cancel", "X", "cancel", "cancel", "Cancel the current action", "Cancel the current action")
FIND = Key(
    "look.filter", "slash", "find", "find", "Filter the agents as you type; in the log, search", "Filter the list"
)
SELECT = Key("look.select", "ctrl+a", "select", "select", "Select lines: as the cursor moves, or all that is seen")
COPY = Key("look.copy", "ctrl+c", "copy", "copy", "Copy the selected text or value", "Copy the selection")
HELP = Key("program.help", "question_mark", "help", "help", "Search all keys and states", "Show help")
BACK = Key("program.back", "escape", "back", "back", "One step back; on the list, clear filter and marks")
QUIT = Key("program.quit", "q", "quit", "quit", "Close this screen, or the dashboard; agents keep running", "Quit")

KEYS: dict[str, tuple[Key, ...]] = {
    AGENTS: (
        OPEN,
        Key("agent.type", "i", "type", "type", "Type a line to it; if it ended, resume it with that", "Type to agent"),
        Key("agent.stop", "s", "stop", "stop", "Stop it; its work stays", "Stop"),
        Key(
            "agent.resume",
            "r",
            "resume",
            "resume",
            "Resume it, with an optional prompt; start one that waits for room",
            "Resume",
        ),
        Key("agent.land", "m", "land", "land", "Land it through the gate", "Land"),
        Key(
            "agent.fail-over",
            "f",
            "fail_over",
            "fail over",
            "Continue it with another profile, or its own again",
            "Fail over to another profile",
        ),
        REMOVE,
        Key(
            "agent.publish",
            "p",
            "publish",
            "push",
            "Push it, update it from its base, open a pull request",
            "Push or open a pull request",
        ),
        Key("agent.editor", "o", "editor", "open", "Open its worktree in your editor", "Open in editor"),
        Key("agent.shell", "w", "shell", "shell", "Open a shell in its worktree, below its screen", "Open a shell"),
    ),
    ANSWERS: (
        Key(
            "agent.yes", "y", "answer('yes')", "yes", "Answer yes, where the question has a yes and a no", "Answer yes"
        ),
        Key("agent.no", "N", "answer('no')", "no", "Answer no, where the question has a yes and a no", "Answer no"),
        *OPTIONS,
        NEXT,
    ),
    DECK: (
        Key("deck.new", "n", "new", "new", "Start a new agent", "Start a new agent"),
        MARK,
        Key("deck.mark-all", "A", "mark_all", "mark all", "Mark all shown agents, or none", "Mark all"),
        Key(
            "deck.broadcast",
            "b",
            "broadcast",
            "to marked",
            "Send one message to all marked agents",
            "Message the marked agents",
        ),
        Key(
            "deck.queue",
            "L",
            "queue",
            "queue",
            "Landing queue: stages, reasons and gate output",
            "Show the landing queue",
        ),
        Key(
            "deck.radar",
            "R",
            "radar",
            "radar",
            "Conflicts between agents, and the best landing order",
            "Show the radar",
        ),
        UNDO,
        Key("deck.trash", "U", "trash", "steps", "All steps that can be undone", "Show all steps"),
        Key("deck.prune", "P", "prune", "prune", "Review and delete stale items", "Prune stale items"),
        Key("deck.trust", "T", "trust", "trust", "Approve the repository's configuration", "Approve the configuration"),
        CANCEL,
    ),
    VIEWS: (
        Key(
            "view.inbox",
            "exclamation_mark",
            "inbox",
            "inbox",
            "Answer all waiting questions, one after the other",
            "Show the inbox",
        ),
        Key(
            "view.conflict",
            "v",
            "conflict",
            "conflicts",
            "Both sides of its conflicts, and the ways to resolve them",
            "Show its conflicts",
        ),
        Key(
            "view.search",
            "ctrl+f",
            "search_all",
            "search all",
            "Search the logs and changes of all agents",
            "Search all logs and changes",
        ),
        Key("view.timeline", "Y", "timeline", "timeline", "The last hour or day, by agent", "Show the timeline"),
        Key("view.decks", "D", "all_decks", "all repos", "All your repositories at once", "Show all repositories"),
        Key("view.hosts", "at", "hosts", "hosts", "The machines that agents run on", "Show the hosts"),
        Key("view.grid", "g", "grid", "grid", "Up to nine live screens at once, each answerable", "Show the grid"),
    ),
    LOOK: (
        FIND,
        Key(
            "look.waiting",
            "W",
            "only('waiting')",
            "waiting",
            "Show only agents that wait; again: all",
            "Show only waiting",
        ),
        Key(
            "look.failed",
            "F",
            "only('failed')",
            "failed",
            "Show only agents that failed; again: all",
            "Show only failed",
        ),
        Key(
            "look.to-land",
            "M",
            "only('to land')",
            "to land",
            "Show only agents with work to land; again: all",
            "Show only what can land",
        ),
        Key("look.busy", "B", "only('busy')", "busy", "Show only agents that work; again: all", "Show only busy"),
        Key(
            "look.ended",
            "E",
            "only('ended')",
            "ended",
            "Show only stopped and landed agents; again: all",
            "Show only ended",
        ),
        Key(
            "look.order",
            "S",
            "order",
            "sort",
            "Next sort order: need, name, age, change, CPU, cost",
            "Sort by the next order",
        ),
        Key(
            "look.group",
            "O",
            "group",
            "group",
            "Group by nothing, state, profile, base or host",
            "Group by the next grouping",
        ),
        Key(
            "look.jump", "apostrophe", "jump", "go to", "Label the agents, and go to one by its label", "Go to an agent"
        ),
    ),
    TABS: (
        Key(
            "look.pane",
            "right,f6",
            "focus_pane",
            "into tab",
            "Go into the tab; escape returns to the list",
            "Go into the tab",
        ),
        Key("look.zoom", "z", "zoom", "zoom", "Show the tab in full screen, or beside the list", "Zoom the tab"),
        Key("tab.screen", "t", "tab('Screen')", "screen", "Its terminal, live", "Show Screen"),
        Key("tab.log", "l", "tab('Log')", "log", "Its output, with times", "Show Log"),
        Key("tab.diff", "d", "tab('Diff')", "diff", "Its changes", "Show Diff"),
        Key("tab.commits", "h", "tab('Commits')", "commits", "Its commits (history)", "Show Commits"),
        Key("tab.env", "V", "tab('Env')", "env", "Its ports, database and variables", "Show Env"),
        Key("tab.usage", "dollar_sign", "tab('Usage')", "usage", "Its cost, processor time and memory", "Show Usage"),
        Key("tab.events", "e", "tab('Events')", "events", "Its events", "Show Events"),
        Key("tab.next", "greater_than_sign", "turn(1)", "next tab", "The next tab", "Show the next tab"),
        Key("tab.before", "less_than_sign", "turn(-1)", "tab before", "The previous tab", "Show the previous tab"),
        SELECT,
        COPY,
    ),
    PROGRAM: (
        HELP,
        Key(
            "program.settings",
            "f2",
            "settings",
            "settings",
            "See and change every key of the configuration",
            "Change settings",
        ),
        Key("program.theme", "ctrl+t", "theme", "theme", "Light or dark theme", "Switch between light and dark"),
        BACK,
        QUIT,
    ),
}
FAR = 100_000_000
"""Lines: more than there are anywhere."""
MOVE = (
    Key("move.down", "down,j", "move(1)", "down", "The next line"),
    Key("move.up", "up,k", "move(-1)", "up", "The previous line"),
    Key("move.page-down", "pagedown,ctrl+d", "page(1)", "page down", "One page down"),
    Key("move.page-up", "pageup,ctrl+u", "page(-1)", "page up", "One page up"),
    Key("move.first", "home", f"move({-FAR})", "first", "The first line, or older output"),
    Key("move.last", "end,G", f"move({FAR})", "last", "The last line; a log follows its end"),
    Key("move.left", "shift+left", "sideways(-1)", "left", "Scroll to the left"),
    Key("move.right", "shift+right", "sideways(1)", "right", "Scroll to the right"),
)
"""The keys of the list of agents, and of every tab and view that has lines."""
STEP = (
    Key("step.next", "right_square_bracket", "step(1)", "next", "The next change, or the next match"),
    Key("step.before", "left_square_bracket", "step(-1)", "before", "The previous change, or the previous match"),
)
FILES = (
    Key("step.next-file", "right_curly_bracket", "step_file(1)", "next file", "The next file"),
    Key("step.file-before", "left_curly_bracket", "step_file(-1)", "file before", "The previous file"),
)
WRAP = Key("look.wrap", "backslash", "wrap", "wrap", "Wrap long lines, or not")
SIDES = Key("diff.sides", "vertical_line", "sides", "sides", "Old and new lines side by side, or in one column")
WAYS = (
    Key("land.hand-back", "H", "hand_back", "let it resolve", "Let the agent resolve its conflict, then land it"),
    Key("land.by-hand", "I", "by_hand", "resolve by hand", "Resolve its conflict yourself now, then land it"),
    Key("land.later", "J", "later", "land later", "Land it after another one"),
)
"""The ways out of a conflict."""
EARLIER = Key("land.earlier", "K", "earlier", "land earlier", "Land it before the one above it")
HOSTS = (
    Key("host.check", "f5", "check", "check", "Look at a host anew; one that was lost is taken in again"),
    Key("host.drain", "f8", "drain", "drain", "Let nothing new start on a host, or something again"),
    Key("host.lose", "f9", "lose", "lose", "Give a host up; what ran there starts again elsewhere"),
    Key("host.adopt", "f10", "adopt", "adopt", "Take over agents of this repository that a host has"),
    Key("host.add", "f7", "add", "add", "Add a host that your ssh knows"),
)
LOG, DIFF, ENV = "In the tab Log", "In the tab Diff", "In the tab Env"

IN_TABS: dict[str, tuple[Key, ...]] = {
    LOG: (
        Key("log.filter", "ampersand", "filter", "only", "Show only lines that contain a text"),
        WRAP,
        Key("log.replay", "ctrl+r", "replay", "replay", "Play the recording of its terminal, or pause it"),
        Key("log.slower", "minus", "speed(-1)", "slower", "Play it slower"),
        Key("log.faster", "plus,equals_sign", "speed(1)", "faster", "Play it faster, up to 8x"),
        Key("log.back", "comma", "skip(-10)", "back", "Ten seconds back in the recording"),
        Key("log.on", "full_stop", "skip(10)", "on", "Ten seconds forward in the recording"),
    ),
    DIFF: (
        *FILES,
        WRAP,
        SIDES,
        Key("diff.comment", "c", "comment", "comment", "Comment on this line; sent later with C"),
        Key("diff.send", "C", "send", "send all", "Send all comments; resume the agent if it ended"),
        DELETE,
        Key("diff.revert", "Z", "revert", "revert", "Revert this change; undo makes it again"),
        Key("diff.discard", "Q", "discard", "discard file", "Revert all of this file; undo makes it again"),
    ),
    ENV: (
        Key("env.reveal", "asterisk", "reveal", "secret", "Show or hide the secret on this line"),
        Key("env.forward", "circumflex_accent", "forward", "open ports", "Open its host's ports here, or close them"),
    ),
}
SECTIONS: dict[str, tuple[Key, ...]] = {
    **KEYS,
    "In lists and tabs": (*MOVE, *STEP),
    "In the landing queue and in conflicts": (*WAYS, EARLIER),
    "In the hosts": HOSTS,
    **IN_TABS,
}
"""All of them, as the help shows them."""
BY_ID = {key.id: key for keys in SECTIONS.values() for key in keys}
BY_ACTION = {key.action: key for keys in KEYS.values() for key in keys}


def bound(keys: Iterable[Key]) -> list[Binding]:
    """The keys as Textual takes them."""
    return [Binding(key.keys, key.action, key.help, show=False, id=key.id) for key in keys]
