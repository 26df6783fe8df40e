"""The keys that open a screen of their own over the main one."""

from __future__ import annotations

from agentdeck.tui.acts.verbs import AgentVerbs
from agentdeck.tui.feed.snapshot import FeedSnapshot


class ViewVerbs(AgentVerbs):
    snapshot: FeedSnapshot

    def action_inbox(self) -> None:
        from agentdeck.tui.screens.inbox import InboxScreen

        self.app.push_screen(InboxScreen(self.deck, self.actions, lambda: self.snapshot))

    def action_conflict(self) -> None:
        from agentdeck.tui.screens.conflict import ConflictScreen

        row = self._row()
        if row is not None:
            newest = lambda: self.snapshot.radar  # noqa: E731 - it goes on being asked
            self.app.push_screen(ConflictScreen(self.deck, self.actions, row.name, newest))
