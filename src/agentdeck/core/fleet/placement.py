"""On which host an agent starts: those that can't have it are left out, and the one that it fits best has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

from agentdeck.core.fleet.facts import PROTOCOL, Facts
from agentdeck.core.frozen import dataclass
from agentdeck.core.text.text import listed, parse_size, size_text
from agentdeck.core.tools import tool_fault

_LEAST_DISK = 500_000_000
"""Bytes without which no worktree is made."""
_MOST_SKEW = 300.0
"""Seconds by which its clock may be wrong."""

_READ: Mapping[str, Callable[[str], float]] = {"cpu": float, "memory": parse_size, "gpu": int}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a task asks for."""

    EXAMPLE: ClassVar[str] = "cpu 2, memory 8G, gpu 1, label big"
    cpu: float = 0.0
    """Cores that do nothing now."""
    memory: int = 0
    """Free bytes."""
    gpu: int = 0
    labels: tuple[str, ...] = ()

    @classmethod
    def from_text(cls, text: str) -> Needs:
        """From `cpu 2, memory 8G, gpu 1, label big`, as a person types it. Raise ValueError for anything else."""
        given, labels = dict[str, Any](), list[str]()
        for part in filter(None, (part.strip() for part in text.split(","))):
            kind, _, value = part.partition(" ")
            try:
                if kind == "label" and value.strip():
                    labels.append(value.strip())
                elif (number := _READ[kind](value)) > 0:
                    given[kind] = number
                else:
                    raise ValueError
            except (KeyError, ValueError):
                raise ValueError(f"“{part}” is no need; type such as: {cls.EXAMPLE}") from None
        return cls(**given, labels=tuple(labels))

    @property
    def text(self) -> str:
        """As `from_text` reads it."""
        told = {"cpu": f"{self.cpu:g}", "memory": size_text(self.memory), "gpu": str(self.gpu)}
        parts = [f"{kind} {value}" for kind, value in told.items() if getattr(self, kind)]
        return ", ".join([*parts, *(f"label {label}" for label in self.labels)])


@dataclass(frozen=True)
class HostState:
    """A host as placement sees it."""

    name: str
    facts: Facts | None
    """None where it can't be reached."""
    labels: tuple[str, ...] = ()
    trouble: str = ""
    """Why nothing may be placed there, as the end of a sentence; empty where something may."""
    coming: int = 0
    """Starts on their way there, of which its facts do not tell yet."""

    @cached_property
    def running(self) -> int:
        """How many agents are alive there, or will be in a moment."""
        return self.coming + self._alive

    @cached_property
    def _alive(self) -> int:
        return sum(each.alive for each in self.facts.agents) if self.facts is not None else 0

    @cached_property
    def idle(self) -> float:
        """Cores that neither the load nor the agents there need; an agent counts as half a core. Those that are coming
        are in no load yet."""
        if self.facts is None:
            return 0.0
        return self.facts.cores - max(self.facts.load, self._alive / 2) - self.coming / 2


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why a host has the agent, or has not."""

    host: str
    fits: bool
    text: str
    chosen: bool = False


def place(needs: Needs, hosts: Iterable[HostState], now: float) -> list[Judgement]:
    """What is to be said of each host, in the order of preference; the first is the chosen one, if any fits.

    The best fit wastes the least: no GPU and no label that the task did not ask for where another host does, then the
    most idle cores for each core, so that agents spread.
    """
    hosts = list(hosts)
    why_not = {host.name: unfit(needs, host, now) for host in hosts}
    fitting = sorted((host for host in hosts if not why_not[host.name]), key=lambda host: _waste(needs, host))
    found = [Judgement(host.name, True, _told(host), number == 0) for number, host in enumerate(fitting)]
    rest = sorted((host for host in hosts if why_not[host.name]), key=lambda host: host.name)
    return [*found, *(Judgement(host.name, False, why_not[host.name]) for host in rest)]


def best(needs: Needs, hosts: Iterable[HostState], now: float) -> Judgement:
    """What `place` would choose; without a host where none can have it."""
    fitting = [host for host in hosts if not unfit(needs, host, now)]
    if not fitting:
        return Judgement("", False, "")
    found = min(fitting, key=lambda host: _waste(needs, host))
    return Judgement(found.name, True, _told(found), chosen=True)


def unfit(needs: Needs, host: HostState, now: float) -> str:
    """Why the host can't have it, as the end of a sentence; empty where it can."""
    if host.trouble or host.facts is None:
        return host.trouble or "it can't be reached"
    return next(_faults(needs, host, host.facts, now), "")


def _faults(needs: Needs, host: HostState, facts: Facts, now: float) -> Iterator[str]:
    if facts.protocol != PROTOCOL:
        yield f"its agentdeck {facts.version or '?'} speaks another protocol"
    for tool, version in (("git", facts.git), ("tmux", facts.tmux)):
        if fault := tool_fault(tool, version):
            yield fault
    if needs.labels and (missing := [label for label in needs.labels if label not in host.labels]):
        yield f"it lacks the label{'s' if len(missing) > 1 else ''} {listed(missing)}"
    if len(facts.gpus) < needs.gpu:
        yield f"it has {_gpus(len(facts.gpus))}"
    if abs(facts.clock - now) > _MOST_SKEW:
        yield f"its clock is {abs(facts.clock - now):.0f} s wrong"
    if facts.free_disk < _LEAST_DISK:
        yield f"it has {size_text(facts.free_disk)} of disk left"
    if facts.free_memory < needs.memory:
        yield f"it has {size_text(facts.free_memory)} of memory free"
    if 0 < needs.cpu > host.idle:
        yield f"{max(0.0, host.idle):.1f} of its {facts.cores} cores are idle"


def _waste(needs: Needs, host: HostState) -> tuple[int, int, float, str]:
    facts = host.facts
    assert facts is not None  # what does not fit is not sorted
    extra = len(set(host.labels) - set(needs.labels)) if host.labels else 0
    return max(0, len(facts.gpus) - needs.gpu), extra, -host.idle / (facts.cores or 1), host.name


def _told(host: HostState) -> str:
    facts = host.facts
    assert facts is not None
    return (
        f"{max(0.0, host.idle):.1f} of {facts.cores} cores idle, {size_text(facts.free_memory)} of memory free, "
        f"{_gpus(len(facts.gpus))}, {host.running} agent{'' if host.running == 1 else 's'} running"
    )


def _gpus(count: int) -> str:
    return f"{count or 'no'} GPU{'' if count == 1 else 's'}"
