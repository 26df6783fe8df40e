"""The keys that work while they are in one of the tabs, in one table like those of the whole screen."""

from __future__ import annotations

from textual.binding import Binding

from agentdeck.tui.bindings import Key

LOG, DIFF, COMMITS, ENV = "In the tab Log", "In the tab Diff", "In the tab Commits", "In the tab Env"

TAB_KEYS: dict[str, tuple[Key, ...]] = {
    LOG: (
        Key("log.search", "slash", "search", "search", "Search; a capital tells small and capital letters apart"),
        Key("log.next", "n", "step(1)", "next", "The next match"),
        Key("log.before", "N", "step(-1)", "before", "The match before, also in what was not read yet"),
        Key("log.filter", "f", "filter", "filter", "Show only lines with a text"),
        Key("log.wrap", "w", "wrap", "wrap", "Wrap long lines, or not"),
        Key("log.end", "G", "end", "follow", "Go to the end, and follow it"),
        Key("log.home", "g", "home", "older", "Go up to what came before"),
        Key("log.replay", "space", "replay", "replay", "Play the recording of its terminal, or pause it"),
        Key("log.slower", "less_than_sign,comma", "speed(-1)", "slower", "Play it slower"),
        Key("log.faster", "greater_than_sign,full_stop", "speed(1)", "faster", "Play it faster, up to 8x"),
        Key("log.back", "left", "skip(-10)", "back", "Ten seconds back in the recording"),
        Key("log.on", "right", "skip(10)", "on", "Ten seconds on in the recording"),
        Key("log.leave", "escape", "leave_replay", "leave", "Back from the recording to the log"),
    ),
    DIFF: (
        Key("diff.next-file", "n", "step('file', 1)", "file", "The next file"),
        Key("diff.file-before", "p", "step('file', -1)", "file", "The file before"),
        Key("diff.next-hunk", "right_square_bracket", "step('@', 1)", "change", "The next change"),
        Key("diff.hunk-before", "left_square_bracket", "step('@', -1)", "change", "The change before"),
        Key("diff.comment", "c", "comment", "comment", "Comment on this line; it is kept until you send it"),
        Key("diff.send", "C", "send", "send all", "Send all comments to the agent; one that ended is resumed"),
        Key("diff.delete", "X", "delete", "delete", "Delete the comment on this line"),
        Key("diff.scope", "u", "scope", "committed", "All changes, only committed ones, only the others"),
    ),
    COMMITS: (
        Key("commits.list", "backspace,escape", "list", "list", "Back to the list; Enter shows a commit's lines"),
    ),
    ENV: (
        Key("env.copy", "y", "copy", "copy", "Copy the value to the clipboard"),
        Key("env.reveal", "v", "reveal", "secret", "Show or hide the secret on this line"),
    ),
}
TAB_IDS = frozenset(key.id for keys in TAB_KEYS.values() for key in keys)


def tab_bindings(tab: str, prefix: str = "", but: tuple[str, ...] = ()) -> list[Binding]:
    """The keys of a tab as Textual takes them: those whose actions begin with `prefix`, and with none of `but`."""
    return [
        Binding(key.keys, key.action, key.help, show=False, id=key.id)
        for key in TAB_KEYS[tab]
        if key.action.startswith(prefix) and not key.action.startswith(but or ("\0",))
    ]
