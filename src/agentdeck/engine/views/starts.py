"""What every start of an agent asks first, wherever the agent is to run."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from agentdeck.core.agents.agent import Agent, Mode, Phase, Status, name_for_task, safe_name
from agentdeck.engine.views import AgentView, StartRequest, view_of
from agentdeck.errors import RefusedError
from agentdeck.system.state.store import Store


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


def holder_of(store: Store, run_id: str, *, gone: bool = True) -> AgentView | None:
    """Who started under `run_id`; None where nobody did, or where that start was rolled back. With `gone` it may have
    been removed since."""
    data = store.read_id(run_id)
    if data is None:
        return None
    record = store.agent(data["agent"])
    if record is not None and record.id == run_id:
        return view_of(store, record)
    if not gone or "final" not in data:
        return None
    left = Agent(data["agent"], data.get("task", ""), "", Mode.HEADLESS, 0.0, id=run_id, phase=Phase.HELD)
    return AgentView(left, Status.from_json(data["final"]), alive=False)
