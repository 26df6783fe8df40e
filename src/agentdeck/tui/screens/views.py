"""The keys that open a screen of their own over the main one."""

from __future__ import annotations

from agentdeck.tui.acts.verbs import AgentVerbs
from agentdeck.tui.feed.snapshot import FeedSnapshot


class ViewVerbs(AgentVerbs):
    snapshot: FeedSnapshot

    def action_inbox(self) -> None:
        from agentdeck.tui.screens.inbox import InboxScreen

        self.app.push_screen(InboxScreen(self.deck, self.actions, lambda: self.snapshot))
