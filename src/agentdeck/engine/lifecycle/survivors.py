"""What still lives of an agent that does not run: processes that outlived its runner and its guardian, ports in use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import dataclass
from agentdeck.core.text.text import listed
from agentdeck.engine.world import Note, World
from agentdeck.errors import StoreError
from agentdeck.system.machine import scope
from agentdeck.system.machine.tree import Tree, command_of, runs_alive


@dataclass(frozen=True, slots=True)
class Survivor:
    pid: int | None
    """None where the system does not tell whose port it is, as for another user's process."""
    ports: tuple[int, ...]

    def __str__(self) -> str:
        who = f"{command_of(self.pid)} (process {self.pid})" if self.pid else "a process of another user"
        if not self.ports:
            return f"{who} still runs"
        return f"{who} holds port{'s' if len(self.ports) > 1 else ''} {listed([str(port) for port in self.ports])}"


def end_leftovers(world: World, name: str) -> set[int]:
    """End the processes of the agent's last run that lost both their runner and their guardian. Return those that live
    on."""
    run = _last_run(world, name)
    # A run whose runner is gone gets no processes any more, and a removal comes here several times.
    return world.repo.once(("ended", run), lambda: _end(world, name, run)) if run else set()


def _end(world: World, name: str, run: str) -> set[int]:
    scoped = _scope(world, name, run)
    left = Tree(run, scope=scoped).end(world.patience.grace_terminate)
    if scoped is not None:
        scoped.remove()
    return left


def survivors(world: World, agents: Iterable[Agent]) -> dict[str, list[Survivor]]:
    """By agent, what lives of those that have no runner."""
    resting = [agent for agent in agents if not world.lives(agent.name)]
    runs = {agent.name: run for agent in resting if (run := _last_run(world, agent.name))}
    alive = runs_alive(set(runs.values()))
    found = {}
    for agent in resting:
        pids = set(alive.get(runs.get(agent.name, ""), ()))
        if agent.name in runs and (scoped := _scope(world, agent.name, runs[agent.name])) is not None:
            pids |= scoped.pids()
        lease = agent.ports
        if left := with_ports(lease.ports if lease else (), pids):
            found[agent.name] = left
    return found


def with_ports(ports: Iterable[int], pids: Iterable[int] = ()) -> list[Survivor]:
    """Each of `pids`, and whoever holds one of `ports`, with the ports that it holds."""
    from agentdeck.system.machine.ports import is_free, listeners

    taken = {port for port in ports if not is_free(port)}
    by_pid: dict[int | None, list[int]] = {pid: [] for pid in sorted(pids)}
    for port, pid in sorted((listeners(taken) if taken else {}).items()):
        by_pid.setdefault(pid, []).append(port)
    return [Survivor(pid, tuple(held)) for pid, held in by_pid.items()]


def tell_survivors(world: World, agent: Agent, pids: Iterable[int], note: Note) -> None:
    """Say that `pids` of the agent, which has been stopped, still run, and who holds its ports."""
    lease = agent.ports
    left = with_ports(lease.ports if lease else (), pids)
    if left:
        pids = [each.pid for each in left if each.pid]
        data = {"pids": pids, "ports": [port for each in left for port in each.ports]}
        world.note(Event(EventKind.PROCESSES_LEFT, agent.name, "; ".join(map(str, left)), data), note)


def _last_run(world: World, name: str) -> str:
    with contextlib.suppress(StoreError):
        return str(world.store.orders(name).get("run", ""))
    return ""


def _scope(world: World, name: str, run: str) -> scope.CgroupScope | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return scope.recorded((world.store.agent_folder(name) / "scope").read_text(), run)
    return None
