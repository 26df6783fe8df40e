"""`deck.pulls`: the pull requests of agents, and issues that agents work on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdeck.core.frozen import replace
from agentdeck.engine.api.current import Current
from agentdeck.engine.world import Note, silent
from agentdeck.errors import DeckError, NotFoundError

if TYPE_CHECKING:
    from agentdeck.core.pulls.pull import Pull
    from agentdeck.engine.views import StartRequest

_PAUSE = 5.0


class DeckPulls:
    def __init__(self, current: Current, repair: Callable[[Note], None]) -> None:
        self._current, self._repair = current, repair

    def known(self) -> dict[str, Pull]:
        """Every agent's pull request, as it was when it was looked at last; no forge is asked."""
        from agentdeck.engine.records.pulls import pull_of

        store = self._current.store
        found = {name: pull_of(store, name) for name in sorted(store.names())}
        return {name: pull for name, pull in found.items() if pull is not None}

    def look(
        self, note: Note = silent, *, only_due: bool = False, react: bool = True
    ) -> tuple[list[str], list[DeckError]]:
        """Ask about the open ones and, with `react`, send failed checks, reviews and conflicts to the agents: at most
        twice each, then a person is told. Return whose were looked at, and what went wrong."""
        from agentdeck.engine.pulls import following

        world = self._current.trusted()
        looked, errors = [], list[DeckError]()
        with following.alone(world):
            for name in following.due(world) if only_due else following.open_pulls(world):
                try:
                    following.look(world, name, note, only=not react)
                    looked.append(name)
                except DeckError as error:
                    errors.append(error)
        return looked, errors

    def watch(self, note: Note, failed: Callable[[DeckError], None], *, react: bool = True) -> None:
        """Look again and again, each minute while checks run, until all are merged or closed. An error of the forge is
        told once."""
        from agentdeck.engine.pulls import following

        told = ""
        while following.open_pulls(self._current.world):
            self._repair(note)
            _, errors = self.look(note, only_due=True, react=react)
            for error in errors:
                if error.title != told:
                    failed(error)
                told = error.title
            time.sleep(_PAUSE if not errors else following.PENDING_EVERY)

    def for_issue(self, request: StartRequest, reference: str) -> StartRequest:
        """`request` for the issue `123` or the one at an address: its text as the task, quoted as what others wrote,
        and once only for each issue. A task of the person's own comes first."""
        from agentdeck.core.agents.agent import name_for_task, safe_name
        from agentdeck.core.pulls.reactions import issue_task
        from agentdeck.system.git import forges
        from agentdeck.system.git.pulls import read_issue

        repo = self._current.trusted().repo
        issue = read_issue(repo, reference)
        if not issue.title.strip():
            raise NotFoundError(f"The issue {reference} has no title.")
        task = issue_task(issue.title, issue.url, issue.body, issue.comments)
        closes = forges.closing(repo, issue.url, issue.number)
        name = request.name or safe_name(f"{issue.number}-{name_for_task(issue.title, ())}")
        return replace(
            request,
            task="\n\n".join(filter(None, (request.task.strip(), task))),
            name=name,
            id=request.id or f"issue {issue.url or reference}",
            closes=closes,
        )
