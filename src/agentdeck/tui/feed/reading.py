"""Read the agents of a deck again and again, cheaply: a record is parsed only when its file was replaced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agentdeck.core.agents.agent import Agent, Status
from agentdeck.engine.deck import Deck
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import AgentView
from agentdeck.engine.worktrees.heads import recorded_head
from agentdeck.errors import DeckError
from agentdeck.system.files.files import sign
from agentdeck.system.git.checkouts import moving_files
from agentdeck.tui.look.telling import sentence

_Sign = tuple[int, ...]


class AgentReader:
    """The agents as `Deck.agents` gives them, except that a record which can't be read does not hide the others."""

    def __init__(self, deck: Deck) -> None:
        self._deck, self._store = deck, deck.store
        self._kept: dict[str, tuple[_Sign, _Sign, Agent, Status]] = {}
        self._alive: dict[str, bool] = {}
        self.problems: tuple[str, ...] = ()
        """What could not be read at the last look, one sentence each."""

    def read(self) -> list[AgentView]:
        """Every agent now, in the order of their creation."""
        views, problems = [], []
        serving = gateways.serving(self._deck.world) if self._store.exists else {}
        kept: dict[str, tuple[_Sign, _Sign, Agent, Status]] = {}
        for name in self._store.names():
            try:
                entry = self._entry(name)
            except DeckError as error:
                problems.append(sentence(error))
                continue
            except OSError as error:
                problems.append(f"The deck's state of {name} can't be read: {error.strerror or error}.")
                continue
            if entry is not None:
                kept[name] = entry
                if not entry[2].landing:
                    head = recorded_head(entry[2].lease("worktree"))
                    views.append(AgentView(entry[2], entry[3], self._lives(name), serving.get(name), head=head))
        self._kept, self.problems = kept, tuple(problems)
        return sorted(views, key=lambda view: (view.agent.created, view.name))

    def _entry(self, name: str) -> tuple[_Sign, _Sign, Agent, Status] | None:
        folder = self._store.agent_folder(name)
        record, status = sign(f"{folder}/agent.json"), sign(f"{folder}/status.json")
        old = self._kept.get(name)
        # An agent without a status has just begun: since when, only its record's reader says.
        if old is not None and old[:2] == (record, status) and status:
            return old
        agent = self._store.agent(name)
        if agent is None:
            return None
        found = self._store.status(name)
        if not status:
            found = replace(found, since=agent.created)
        return record, status, agent, found

    def _lives(self, name: str) -> bool:
        try:
            return self._store.runner_lives(name)
        except OSError:
            return False


def telling_files(common: Path, agent: Agent) -> tuple[str, ...]:
    """The files of which one moves when the agent commits, stages or prints, or when its base moves; `common` is the
    folder that git has for all worktrees. () for an agent without a worktree."""
    lease, pane = agent.lease("worktree"), agent.lease("pane")
    if lease is None or not lease.held:
        return ()
    branches = (lease.data.get(name) or "" for name in ("base", "branch"))
    log = [pane.data["log"]] if pane and pane.data.get("log") else []
    return (*moving_files(lease.data.get("git_dir") or common, common, *branches), *log)
