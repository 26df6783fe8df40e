"""`deck.processes`: what agents use of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agentdeck.engine.views import AgentView

if TYPE_CHECKING:
    from agentdeck.engine.views.machine import ProcessUsage, ProcessUse
    from agentdeck.system.machine.usage import ProcessTable, UsageSampler


class DeckProcesses:
    """One thread at a time."""

    def __init__(self) -> None:
        self._sampler: UsageSampler | None = None
        self._table: ProcessTable | None = None

    def measure(self, view: AgentView) -> Callable[[], ProcessUsage | None]:
        """Begin to measure; what is returned says CPU since then, memory and processes, None where nothing runs."""
        from agentdeck.system.machine.usage import UsageSampler

        sampler, pids = UsageSampler(), _pids([view])
        sampler.begin(pids)
        return lambda: sampler.sample(pids).get(view.name)

    def sample(self, views: Sequence[AgentView]) -> dict[str, ProcessUsage]:
        """What each of `views` that runs uses, since the last call; walks the process table once."""
        from agentdeck.system.machine.usage import UsageSampler

        self._sampler = self._sampler or UsageSampler()
        return self._sampler.sample(_pids(views))

    def tree(self, view: AgentView) -> list[ProcessUse]:
        """The agent's processes, each after its parent; [] where it does not run."""
        from agentdeck.system.machine.usage import ProcessTable, tree_of

        self._table = self._table or ProcessTable()
        return [use for pid in _pids([view]).values() for use in tree_of(pid, self._table)]

    def disk(self, view: AgentView) -> int | None:
        """The bytes that an agent's worktree takes on disk; None where it is gone."""
        from agentdeck.system.machine.usage import disk_bytes

        return disk_bytes(view.worktree) if view.worktree and view.worktree.is_dir() else None


def _pids(views: Sequence[AgentView]) -> dict[str, int]:
    return {view.name: view.status.runner_pid for view in views if view.alive and view.status.runner_pid}
