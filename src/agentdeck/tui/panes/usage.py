"""What the agent uses of the machine, now and over the last minutes, process by process."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import ClassVar

from textual.timer import Timer

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain, size_text
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.machine import ProcessUse
from agentdeck.engine.views.money import AgentSpending
from agentdeck.tui.look.look import short_bytes, sparkline
from agentdeck.tui.panes.listed import ListPane
from agentdeck.tui.panes.rows import Piece
from agentdeck.tui.panes.spent import money_rows

_PACE = 2.0
_HISTORY = 600
_DISK_EVERY = 120.0
_SPENT_EVERY = 20.0
_SHARE = 30
"""What it spent is summed up again after so many times as long as the last sum took, at the earliest."""


@dataclass(frozen=True, slots=True)
class Sample:
    at: float
    """By the monotonic clock."""
    cpu: float
    """Percent of one processor since the sample before."""
    memory: int


class UsagePane(ListPane):
    """Samples while it is seen; what an agent used meanwhile is not made up."""

    KEYS: ClassVar = (("move.up move.down", "processes"), ("program.back", "back"))

    def __init__(self, deck: Deck, *, id: str | None = None) -> None:
        super().__init__(deck, id=id)
        self._samples: defaultdict[str, deque[Sample]] = defaultdict(lambda: deque(maxlen=_HISTORY))
        self._seconds: dict[int, float] = {}
        self._at = 0.0
        self._rates: dict[int, float] = {}
        self._disk: dict[str, tuple[float, int | None]] = {}
        self._spent: dict[str, tuple[float, float, AgentSpending]] = {}
        """By agent: when it was summed up, how long that took, and the sum."""
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        self._timer = self.set_interval(_PACE, self.look, pause=not self.active)
        super().on_mount()

    def set_active(self, active: bool) -> None:
        super().set_active(active)
        if self._timer is not None:
            self._timer.resume() if active else self._timer.pause()

    def changed_agent(self) -> None:
        self._seconds = {}
        self._rates = {}
        super().changed_agent()

    async def inquire(self, view: AgentView) -> list[ProcessUse]:
        measured = self._disk.get(view.name)
        if measured is None or time.monotonic() - measured[0] > _DISK_EVERY:
            self._disk[view.name] = (time.monotonic(), measured[1] if measured else None)
            self.run_worker(self._measure_disk(view), group="disk", exit_on_error=False)
        summed = self._spent.get(view.name)
        if summed is None or time.monotonic() - summed[0] > max(_SPENT_EVERY, _SHARE * summed[1]):
            self._spent[view.name] = (time.monotonic(), 0.0, summed[2] if summed else AgentSpending())
            self.run_worker(self._sum_up(view), group="spent", exit_on_error=False)
        return await super().inquire(view)  # type: ignore[no-any-return]

    async def _sum_up(self, view: AgentView) -> None:
        begun = time.monotonic()
        spent = await asyncio.to_thread(self.deck.providers.spent_by, view.name)
        self._spent[view.name] = (time.monotonic(), time.monotonic() - begun, spent)
        self.look()

    async def _measure_disk(self, view: AgentView) -> None:
        size = await asyncio.to_thread(self.deck.processes.disk, view)
        self._disk[view.name] = (time.monotonic(), size)
        self.look()

    def find(self, view: AgentView) -> list[ProcessUse]:
        return self.deck.processes.tree(view)

    def on_resize(self) -> None:
        self.look()

    def found(self, view: AgentView, facts: list[ProcessUse]) -> None:
        now = time.monotonic()
        passed, before = now - self._at, self._seconds
        if passed < _PACE / 4 and before:
            passed = 0.0
        if facts and passed:
            self._rates = {
                use.pid: max(0.0, 100 * (use.cpu_seconds - before.get(use.pid, use.cpu_seconds)) / passed)
                for use in facts
            }
            self._seconds, self._at = {use.pid: use.cpu_seconds for use in facts}, now
            if before:
                memory = sum(use.rss_bytes for use in facts)
                self._samples[view.name].append(Sample(now, sum(self._rates.values()), memory))
        width = self.rows.size.width
        spent = self._spent[view.name][2] if view.name in self._spent else AgentSpending()
        rows = [*self._charts(view, facts, width), *money_rows(spent, width), *self._processes(facts)]
        self.rows.put(rows)
        self.say("" if facts else f"{view.name} is not running ({view.state}), so it uses only disk space.")

    def _charts(self, view: AgentView, facts: Sequence[ProcessUse], width: int) -> list[list[Piece]]:
        samples = self._samples[view.name]
        room = max(8, min(60, width - 42))
        size = self._disk.get(view.name, (0.0, None))[1]
        rows: list[list[Piece]] = []
        if samples:
            span = f"  last {short_duration(max(_PACE, samples[-1].at - samples[max(0, len(samples) - room)].at))}"
            cpu, memory = [each.cpu for each in samples], [float(each.memory) for each in samples]
            now = samples[-1]
            rows.append(_chart("processor", f"{now.cpu:.0f} %", cpu, room, 100.0, f"most {max(cpu):.0f} %{span}"))
            most = f"most {size_text(max(memory))}{span}"
            rows.append(_chart("memory", size_text(now.memory), memory, room, 1.3 * max(memory), most))
        elif facts:
            rows.append([(f"  {'memory':<11}", "dim"), (size_text(sum(use.rss_bytes for use in facts)), "strong")])
        disk = "measuring …" if size is None and view.worktree else size_text(size or 0)
        rows.append([(f"  {'disk':<11}", "dim"), (f"{disk}", "strong"), ("  its worktree", "dim")])
        return rows

    def _processes(self, facts: Sequence[ProcessUse]) -> list[list[Piece]]:
        if not facts:
            return []
        rows: list[list[Piece]] = [[], [(f"  {'PID':>7}  {'CPU':>5}  {'MEM':>5}  PROCESS", "dim")]]
        for use in facts:
            rate = self._rates.get(use.pid, 0.0)
            branch = f"{'   ' * (use.depth - 1)}└─ " if use.depth else ""
            rows.append(
                [
                    (f"  {use.pid:>7}  ", "dim"),
                    (f"{rate:>4.0f}%", "warn" if rate > 50 else ""),
                    (f"  {short_bytes(use.rss_bytes):>5}  ", ""),
                    (branch, "dim"),
                    (plain(use.command), "" if use.depth else "dim"),
                ]
            )
        return rows


def _chart(title: str, now: str, values: Sequence[float], room: int, full: float, most: str) -> list[Piece]:
    bars = sparkline(list(values), room, full=full).lstrip()
    return [(f"  {title:<11}", "dim"), (f"{now:>9}  ", "strong"), (bars, "bar"), (f"  {most}", "dim")]
