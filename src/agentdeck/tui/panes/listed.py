"""A pane that is a list of rows and nothing else."""

from __future__ import annotations

from textual.app import ComposeResult

from agentdeck.tui.panes.base import AgentPane
from agentdeck.tui.panes.rows import TextRows


class ListPane(AgentPane):
    def parts(self) -> ComposeResult:
        yield TextRows()

    @property
    def rows(self) -> TextRows:
        return self.query_one(TextRows)

    def changed_agent(self) -> None:
        if self.is_mounted:
            self.rows.cursor = 0
            self.rows.put([])
            self.say("")
