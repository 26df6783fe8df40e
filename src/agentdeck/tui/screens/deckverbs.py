"""What the keys do to the whole deck: land, take back, clear away, and the screens that show these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentdeck.core.agents.agent import State
from agentdeck.errors import NotFoundError
from agentdeck.tui.acts.actions import Note, Untrusted
from agentdeck.tui.acts.verbs import AgentVerbs

if TYPE_CHECKING:
    from agentdeck.core.merging.radar import RadarReport
    from agentdeck.engine.views import AgentView
    from agentdeck.engine.views.landings import LandRequest


class DeckVerbs(AgentVerbs):
    """The verbs of the main screen that are not about one agent alone."""

    # Landing

    def action_land(self) -> None:
        from agentdeck.tui.acts.deeds import land
        from agentdeck.tui.screens.land import LandDialog

        names = [row.name for row in self.marked_rows()]
        if not names:
            row = self._row()
            names = [row.name] if row else []
        if not names:
            return

        def answer(request: LandRequest | None) -> None:
            if request is not None:
                land(self.deck, self.actions, request)
                self.action_queue()

        self.app.push_screen(LandDialog(self.deck, names), answer)

    def action_publish(self) -> None:
        from agentdeck.tui.acts.deeds import ask_and_publish

        rows = self._targets(lambda row: True, "")
        if not rows:
            return
        ask_and_publish(self, self.deck, self.actions, [row.name for row in rows], rows[0].view.base)

    def action_queue(self) -> None:
        from agentdeck.tui.screens.queue import QueueScreen

        self.app.push_screen(QueueScreen(self.deck, self.actions))

    def action_hosts(self) -> None:
        from agentdeck.tui.screens.hosts import HostsScreen

        self.app.push_screen(HostsScreen(self.deck, self.actions, self.views_now))

    def views_now(self) -> Sequence[AgentView]:
        """The agents as they are shown."""
        raise NotImplementedError

    def action_trust(self) -> None:
        self.app.post_message(Untrusted())

    def action_radar(self) -> None:
        from agentdeck.tui.screens.radar import RadarScreen

        self.app.push_screen(RadarScreen(self.deck, self.actions, self.newest_radar))

    def newest_radar(self) -> RadarReport | None:
        """What the radar said last; None while it has not looked."""
        raise NotImplementedError

    # Taking back and clearing away

    def action_undo(self) -> None:
        from agentdeck.tui.acts.deeds import ask_and_undo

        def work(note: Note) -> str:
            try:
                step = self.deck.history.step()
            except NotFoundError:
                return "There is nothing to undo."
            self.app.call_later(ask_and_undo, self, self.deck, self.actions, step)
            return ""

        self.actions.do("looking for steps to undo", work)

    def action_trash(self) -> None:
        from agentdeck.tui.screens.trash import TrashScreen

        self.app.push_screen(TrashScreen(self.deck, self.actions))

    def action_prune(self) -> None:
        from agentdeck.tui.screens.prune import PruneScreen

        self.app.push_screen(PruneScreen(self.deck, self.actions))

    def action_cancel(self) -> None:
        """Cancel the start of the selected agent, or what was begun last."""
        row = self.selected_row()
        if (row is not None and self.actions.cancel(row.name)) or self.actions.cancel():
            return
        if row is not None and row.state is State.STARTING and row.view.alive:
            self.tell(
                f"{row.name} is running its set-up hooks; {{agent.stop}} stops it, {{agent.remove}} removes it.",
                warn=True,
            )
        else:
            self.tell("There is nothing to cancel.", warn=True)
