"""What is seen before there is any agent: what this is, and the one key to begin with."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from agentdeck.core.text.text import plain
from agentdeck.tui.keys.keymap import with_keys

_LINES = (
    ("AgentDeck", "bold $text-accent"),
    ("", ""),
    ("No agents work on {repository} yet.", "bold"),
    ("", ""),
    ("Each agent gets a worktree, a branch, ports, a database and a terminal", ""),
    ("of its own, so several can work on this repository at once without", ""),
    ("getting in each other's way. They keep running after you quit.", ""),
    ("", ""),
    ("{deck.new}    start the first agent", "bold $text-success"),
    ("{program.help}    all keys", "$foreground 60%"),
    ("{program.quit}    leave", "$foreground 60%"),
    ("", ""),
    ('From a shell: agentdeck run "fix the failing test"', "$foreground 60%"),
)


class Welcome(Widget):
    def __init__(self, repository: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._repository = plain(repository)

    def render(self) -> Content:
        keymap = self.app._keymap
        said = [(with_keys(text, keymap).replace("{repository}", self._repository), style) for text, style in _LINES]
        lines = [Content.styled(text, style) for text, style in said]
        return Content("\n").join(lines)
