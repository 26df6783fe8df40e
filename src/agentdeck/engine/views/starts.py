"""What every start of an agent asks first, wherever the agent is to run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent, Mode, Phase, Status, name_for_task, safe_name
from agentdeck.core.frozen import asdict, fields
from agentdeck.engine.views import AgentView, StartRequest, view_of
from agentdeck.engine.world import World
from agentdeck.errors import RefusedError, UsageError
from agentdeck.system.state.store import Store

_FIELDS = {field.name for field in fields(StartRequest)} - {"cancelled"}


def name_of(request: StartRequest, taken: Collection[str], unnamed: Callable[[], str]) -> str:
    """The name that the new agent gets: the wanted one, or one made from its task or program; `unnamed` is what else
    to make it from. Raise RefusedError where the wanted one is taken."""
    if request.name is None:
        told = request.task.strip() or (Path(request.argv[0]).name if request.argv else unnamed())
        return name_for_task(told, taken)
    name = safe_name(request.name)
    if name in taken:
        raise RefusedError(f"An agent “{name}” already exists.", hint="Choose another name, or remove it.")
    return name


def request_to_json(request: StartRequest) -> dict[str, Any]:
    """All of it that can be written down."""
    told = {name: getattr(request, name) for name in _FIELDS}
    return told | {"needs": asdict(request.needs) if request.needs is not None else None}


def request_from_json(data: Mapping[str, Any]) -> StartRequest:
    """Raise TypeError or ValueError where `data` is none. What a newer version writes beside it is left out."""
    found: dict[str, Any] = {key: value for key, value in data.items() if key in _FIELDS}
    for key in ("argv", "failover"):
        if found.get(key) is not None:
            found[key] = tuple(found[key])
    if found.get("mode") is not None:
        found["mode"] = Mode(found["mode"])
    if (needs := found.get("needs")) is not None:
        from agentdeck.core.fleet.placement import Needs

        found["needs"] = Needs(**{**needs, "labels": tuple(needs["labels"])})
    return StartRequest(**found)


def check_request(world: World, request: StartRequest) -> None:
    """Raise where the request itself can't be met, on whatever machine."""
    has_task = bool(request.task.strip() or request.argv)
    if not has_task and (request.profile is None or request.mode is Mode.HEADLESS):
        raise UsageError("There is no task for the agent.", hint='agentdeck run "what to do"')
    if request.timeout is not None and request.timeout <= 0:
        raise UsageError("A time-out must be more than 0 seconds.")
    if world.repo.commit("HEAD") is None and not (request.base or request.branch):
        from agentdeck.system.git.branches import no_commit

        raise no_commit(world.repo)


def holder_of(store: Store, run_id: str) -> AgentView | None:
    """Who started under `run_id`, though it may have been removed since; None where nobody did, or where that start was
    rolled back."""
    data = store.read_id(run_id)
    if data is None:
        return None
    record = store.agent(data["agent"])
    if record is not None and record.id == run_id:
        return view_of(store, record)
    if "final" not in data:
        return None
    left = Agent(data["agent"], data.get("task", ""), "", Mode.HEADLESS, 0.0, id=run_id, phase=Phase.HELD)
    return AgentView(left, Status.from_json(data["final"]), alive=False)
