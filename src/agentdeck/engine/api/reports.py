"""`deck.reports`: what a person has to know: one agent's brief, and a digest of all."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import FAILOVERS, EventKind
from agentdeck.core.box.traffic import Connection
from agentdeck.core.reports.brief import Brief, next_steps, tried, why_needed
from agentdeck.core.reports.digest import Digest, DigestLine
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import cut
from agentdeck.engine.api.current import Current
from agentdeck.engine.views import AgentView
from agentdeck.errors import DeckError

Found = TypeVar("Found")
_WIDTH = 100


class DeckReports:
    def __init__(self, current: Current) -> None:
        self._current = current

    def network(self, view: AgentView) -> list[Connection]:
        """What the agent's box let out to the network and refused, oldest first; empty without such a box."""
        from agentdeck.system.box.traffic import read_traffic
        from agentdeck.system.state.store import NETWORK_LOG

        return read_traffic(self._current.store.agent_folder(view.name) / NETWORK_LOG) if view.agent.box else []

    def brief(self, name: str) -> Brief:
        """What was tried, what has changed, what is asked, in which surroundings, and what may come next."""
        from agentdeck.engine.lifecycle.stack import holdings
        from agentdeck.engine.profiles.failovers import failovers
        from agentdeck.engine.providers.spending import of_agent
        from agentdeck.engine.review.diffs import base_of
        from agentdeck.system.git import changes
        from agentdeck.system.state import logs

        world, view = self._current.world, self._current.agent(name)
        lines = [] if view.log is None else [line.text for line in logs.read_log(view.log) if not line.is_note]

        def changed() -> str:
            path, base = base_of(world, view.agent)
            return changes.diff(world.repo, path, base, stat=True, colour=False)

        costs = [record.cost for record in of_agent(world, view.name) if record.cost is not None]
        environment = (
            ("branch", f"{view.where}, from {view.base}" if view.base else view.where),
            ("worktree", str(view.worktree or "")),
            *((each.kind, each.text) for each in holdings(view.agent) if each.kind not in ("worktree", "pane")),
            ("profile", view.profile),
            ("model that served", view.serving.text if view.serving else view.model),
            ("failed over", ", ".join(each.reason for each in failovers(world, view.agent))),
            ("cost", f"${sum(costs):.2f}" if costs else ""),
            ("runs", str(view.agent.runs)),
        )
        question = view.status.question
        return Brief(
            view.name,
            view.state,
            self.why(view),
            view.agent.task,
            question,
            tried(lines, has_tools=view.activity is not None),
            _or_why(changed),
            environment,
            next_steps(view.name, view.state, question, view.status.fault, alive=view.alive),
        )

    def why(self, view: AgentView) -> str:
        """Why the agent needs a person, in a phrase; empty where it needs none."""
        if view.state is State.DONE and view.agent.landing_asked:
            return view.reason
        status = view.status
        return why_needed(view.state, view.reason, status.fault, status.result, self._failures(view))

    def _failures(self, view: AgentView) -> int:
        """How often it failed since it was done or landed last."""
        count = 0
        for event in self._current.store.events(view.name):
            if event.kind == EventKind.STATE_CHANGED:
                to = event.data.get("to")
                count = 0 if to in (State.DONE, State.LANDED) else count + (to == State.FAILED)
        return count

    def digest(self, since: float) -> Digest:
        """What happened since then. What can't be read is named, and nothing is guessed in its place."""
        from agentdeck.engine import roster
        from agentdeck.engine.providers.spending import spending
        from agentdeck.engine.records.landings import Landing, Landings, Stage

        world, missing = self._current.world, list[str]()

        def read(what: str, act: Callable[[], Found], instead: Found) -> Found:
            try:
                return act()
            except (DeckError, OSError, ValueError, KeyError, TypeError) as error:
                told = error.title if isinstance(error, DeckError) else f"{type(error).__name__}: {error}"
                missing.append(f"{what} can't be read: {told}")
                return instead

        views = read("the agents", lambda: roster.agents(world), list[AgentView]())
        missing += [f"{view.name} can't be read: {view.damaged.title}" for view in views if view.damaged]
        landings = read("the landings", lambda: Landings(self._current.store).all(), list[Landing]())
        entries = [
            (entry, landing.ended or landing.at)
            for landing in landings
            if (landing.ended or landing.at) >= since
            for entry in landing.entries
        ]
        landed = tuple(
            DigestLine(entry.agent, f"on {entry.base} as {entry.new[:10]}")
            for entry, _ in entries
            if entry.stage is Stage.LANDED and not entry.has_nothing_new
        )
        spent = read("the spending", lambda: spending(world, "agent", since).total.cost, None)
        total = read("the budget", lambda: spending(world, "agent").total.cost, None)
        limits = world.safe_settings.config.budgets
        budget = f"${total:.2f} of ${limits.deck.money:.2f} in all" if total is not None and limits.deck.money else ""
        why = {view.name: self.why(view) for view in views}
        events = [each for view in views for each in self._current.store.events(view.name) if each.at >= since]
        return Digest(
            self._current.root.name,
            since,
            landed,
            tuple(_line(view) for view in views if view.state is State.DONE and not why[view.name]),
            tuple(_line(view, why[view.name]) for view in views if view.state is State.FAILED),
            tuple(_line(view, why[view.name]) for view in views if why[view.name] and view.state is not State.FAILED),
            tuple(_line(view) for view in views if view.state.is_live and not why[view.name]),
            sum(event.kind in FAILOVERS for event in events),
            spent,
            budget,
            tuple(missing),
        )


def _line(view: AgentView, why: str = "") -> DigestLine:
    age = short_duration(time.time() - view.since)
    return DigestLine(view.name, cut(f"{why or view.reason or view.agent.task} ({age})".replace("\n", " "), _WIDTH))


def _or_why(act: Callable[[], str]) -> str:
    try:
        return act()
    except DeckError as error:
        return f"not known: {error.title}"
