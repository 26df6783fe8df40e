"""Which agents there are, as a person sees them."""

from __future__ import annotations

from collections.abc import Mapping

from agentdeck.core.agents.agent import Agent, Fault, Mode, Phase, State, Status
from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.providers.serving import Serving
from agentdeck.core.text.text import listed
from agentdeck.core.transcripts.activity import Activity
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import AgentView, made_view, view_of
from agentdeck.engine.worktrees.heads import WorktreeLook, look_at
from agentdeck.engine.world import World
from agentdeck.errors import NotFoundError, StoreError, UsageError
from agentdeck.system.files.files import sign
from agentdeck.system.state.store import ACTIVITY, MIRROR, Store


@dataclass(frozen=True, slots=True)
class _Record:
    """What an agent's files said, and the signs by which it is seen that they say something else."""

    signs: tuple[tuple[int, ...], ...]
    agent: Agent
    status: Status
    activity: Activity | None
    ran_there: bool
    worktree: WorktreeLook | None = None


class Roster:
    """Reads all agents, again and again if need be: a record is parsed only where its file was replaced, and the view
    of an agent that stands as before is the same one."""

    def __init__(self) -> None:
        self._kept: dict[str, _Record] = {}
        self._views: dict[str, AgentView] = {}

    def agents(self, world: World) -> list[AgentView]:
        """See Deck.agents."""
        if not world.store.exists:
            return []
        names = world.store.open().names()
        serving = gateways.serving(world) if names else {}
        kept: dict[str, _Record] = {}
        views = [view for name in names if (view := self._view(world.store, name, serving, kept)) is not None]
        self._kept, self._views = kept, {view.name: view for view in views}
        return sorted(views, key=lambda view: (view.agent.created, view.name))

    def _view(
        self, store: Store, name: str, serving: Mapping[str, Serving], kept: dict[str, _Record]
    ) -> AgentView | None:
        try:
            record = self._record(store, name)
            if record is None:
                return None
            look = look_at(store.folder.parent, record.agent, record.worktree)
            if look is not record.worktree:
                record = replace(record, worktree=look)
            kept[name] = record
            if record.agent.landing:
                return None
            alive = record.ran_there or store.runs_here(name)
            view = made_view(store, record.agent, serving.get(name), record.status, record.activity, alive, look)
            return old if (old := self._views.get(name)) == view else view
        except StoreError as error:
            return _stand_in(store, name, error)
        except OSError as error:
            wrong = StoreError(f"The state of {name} can't be read.", detail=error.strerror or str(error))
            return _stand_in(store, name, wrong)

    def _record(self, store: Store, name: str) -> _Record | None:
        folder = store.agent_folder(name)
        signs = tuple(sign(f"{folder}/{file}") for file in ("agent.json", "status.json", ACTIVITY, MIRROR))
        old = self._kept.get(name)
        if old is not None and old.signs == signs:
            return old
        agent = store.agent(name)
        if agent is None:
            return None
        status = store.status(name)
        # One without a status has just begun.
        status = status if signs[1] else replace(status, since=agent.created)
        activity, ran_there = (store.activity(name) if signs[2] else None), bool(signs[3]) and store.ran_there(name)
        return _Record(signs, agent, status, activity, ran_there)


def _stand_in(store: Store, name: str, error: StoreError) -> AgentView:
    """An agent whose record can't be read: failed, with that for a reason, and with nothing that it holds."""
    since = store.record_time(name)
    agent = Agent(name, task="", profile="", mode=Mode.INTERACTIVE, created=since, phase=Phase.HELD)
    status = Status(State.FAILED, since, f"its record can't be read: {error.detail}", Fault.LOST)
    return AgentView(agent, status, store.runner_lives(name), damaged=error)


def agents(world: World) -> list[AgentView]:
    """All of them, read once."""
    return Roster().agents(world)


def agent(world: World, name: str) -> AgentView:
    """See Deck.agent."""
    names = world.store.open().names() if world.store.exists else []
    matches = [name] if name in names else [each for each in names if name and each.startswith(name)]
    if len(matches) > 1:
        raise UsageError(f"“{name}” matches {listed(matches)}.", hint="Type more of the name.")
    record = world.store.agent(matches[0]) if matches else None
    if record is None:
        names = [view.name for view in agents(world)]
        known = f"Available: {listed(names)}." if names else "There are no agents; “agentdeck run” starts one."
        raise NotFoundError(f"There is no agent “{name}” in this deck.", hint=known)
    return view(world, record)


def view(world: World, record: Agent) -> AgentView:
    return view_of(world.store, record, gateways.serving(world).get(record.name))
