"""Read the agents of a deck again and again, cheaply: a record is parsed only when its file was replaced."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from agentdeck.core.agents.agent import Agent, Status
from agentdeck.core.transcripts.activity import Activity
from agentdeck.engine.deck import Deck
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import AgentView
from agentdeck.engine.worktrees.heads import recorded_head
from agentdeck.errors import DeckError
from agentdeck.system.files.files import sign
from agentdeck.system.git.checkouts import moving_files
from agentdeck.system.state.store import ACTIVITY
from agentdeck.tui.look.telling import sentence

_Sign = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was read of an agent, and the signs that its files had then."""

    signs: tuple[_Sign, ...]
    agent: Agent
    status: Status
    activity: Activity | None


class AgentReader:
    """The agents as `Deck.agents` gives them, except that a record which can't be read does not hide the others."""

    def __init__(self, deck: Deck) -> None:
        self._deck, self._store = deck, deck.store
        self._kept: dict[str, _Kept] = {}
        self._alive: dict[str, bool] = {}
        self.problems: tuple[str, ...] = ()
        """What could not be read at the last look, one sentence each."""

    def read(self) -> list[AgentView]:
        """Every agent now, in the order of their creation."""
        views, problems = [], []
        serving = gateways.serving(self._deck.world) if self._store.exists else {}
        kept: dict[str, _Kept] = {}
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
                if not entry.agent.landing:
                    head = recorded_head(entry.agent.lease("worktree"))
                    view = AgentView(entry.agent, entry.status, self._lives(name), serving.get(name), head=head)
                    views.append(replace(view, activity=entry.activity))
        self._kept, self.problems = kept, tuple(problems)
        return sorted(views, key=lambda view: (view.agent.created, view.name))

    def _entry(self, name: str) -> _Kept | None:
        folder = self._store.agent_folder(name)
        signs = tuple(sign(f"{folder}/{file}") for file in ("agent.json", "status.json", ACTIVITY))
        old, status = self._kept.get(name), signs[1]
        # An agent without a status has just begun: since when, only its record's reader says.
        if old is not None and old.signs == signs and status:
            return old
        agent = self._store.agent(name)
        if agent is None:
            return None
        found = self._store.status(name)
        if not status:
            found = replace(found, since=agent.created)
        return _Kept(signs, agent, found, self._store.activity(name))

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
