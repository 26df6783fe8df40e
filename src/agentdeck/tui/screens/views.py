"""The keys that open a screen of their own over the main one."""

from __future__ import annotations

from agentdeck.engine.views import StartRequest
from agentdeck.tui.acts.actions import Note
from agentdeck.tui.acts.verbs import AgentVerbs
from agentdeck.tui.feed.snapshot import FeedSnapshot


class ViewVerbs(AgentVerbs):
    snapshot: FeedSnapshot

    def action_inbox(self, name: str = "") -> None:
        """Show the inbox, at the question of the agent `name` where one is given."""
        from agentdeck.tui.screens.inbox import InboxScreen

        inbox = InboxScreen(self.deck, self.actions, lambda: self.snapshot)
        inbox.first = name
        self.app.push_screen(inbox)

    def action_conflict(self) -> None:
        from agentdeck.tui.screens.conflict import ConflictScreen

        row = self._row()
        if row is not None:
            newest = lambda: self.snapshot.radar  # noqa: E731 - it goes on being asked
            self.app.push_screen(ConflictScreen(self.deck, self.actions, row.name, newest))

    def action_grid(self) -> None:
        from agentdeck.tui.screens.grid import GridScreen

        row = self.selected_row()
        first = row.name if row is not None else ""
        self.app.push_screen(GridScreen(self.deck, self.actions, lambda: self.snapshot, first))

    def action_timeline(self) -> None:
        from agentdeck.tui.screens.timeline import TimelineScreen

        self.app.push_screen(TimelineScreen(self.deck, self.actions))

    def action_all_decks(self) -> None:
        from agentdeck.tui.screens.decks import DecksScreen

        self.app.push_screen(DecksScreen(self.deck, self.actions))

    def action_search_all(self) -> None:
        from agentdeck.tui.dialogs.dialogs import Ask
        from agentdeck.tui.screens.search import SearchScreen

        def show(name: str, tab: str) -> None:
            self.go_to(name)
            self.app.call_later(self.run_action, f"tab('{tab}')")

        def search(text: str | None) -> None:
            if text and text.strip():
                self.app.push_screen(SearchScreen(self.deck, self.actions, text.strip(), show))

        self.app.push_screen(Ask("Search all logs and changes", hint="a text; a capital letter counts"), search)

    def action_race(self) -> None:
        """Show the latest race."""
        from agentdeck.tui.screens.race import RaceScreen

        self.app.push_screen(RaceScreen(self.deck, self.actions))

    def action_new_race(self) -> None:
        from agentdeck.tui.dialogs.dialogs import Ask

        def begin(text: str | None) -> None:
            racers, colon, task = (text or "").partition(":")
            if not (colon and task.strip()):
                if text:
                    self.tell("Write the agents, a colon, and the task.", warn=True)
                return
            self.actions.do("starting a race", lambda note: self._race(racers, task.strip(), note))

        self.app.push_screen(Ask("Start a race", hint="claude,codex,claude@deep: the task"), begin)

    def _race(self, racers: str, task: str, note: Note) -> str:
        request = StartRequest(task=task)
        race = self.deck.races.prepare(request, racers)
        self.deck.races.start(race, request, note, wait=False)
        return f"{', '.join(race.names)} race; the palette compares them."

    def action_check_pulls(self) -> None:
        def work(note: Note) -> str:
            looked, errors = self.deck.pulls.look(note)
            if errors:
                raise errors[0]
            return f"Looked at {len(looked)} pull requests." if looked else "No pull request is open."

        self.actions.do("looking at the pull requests", work)

    def action_route(self) -> None:
        """Say which tier a task gets."""
        from agentdeck.tui.dialogs.dialogs import Ask

        def route(text: str | None) -> None:
            if text and text.strip():
                self.actions.do("choosing a tier", lambda note: self._route(text.strip()))

        self.app.push_screen(Ask("Which tier for a task?", hint="the task"), route)

    def _route(self, task: str) -> str:
        found = self.deck.benchmarks.route(task).route
        return f"{found.tier}: it {'; it '.join(found.reasons)}."

    def go_to(self, name: str) -> None:
        """Select the agent of that name."""
        raise NotImplementedError
