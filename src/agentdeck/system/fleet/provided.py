"""What a source of hosts is; see providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agentdeck.core.fleet.placement import Needs
from agentdeck.core.frozen import dataclass
from agentdeck.system.fleet.hostlist import HostSpec

if TYPE_CHECKING:
    from agentdeck.core.config.fleet import SourceConfig


@dataclass(frozen=True, slots=True)
class Limits:
    """How a provider's hosts are used. Times are seconds."""

    agents: int = 4
    """That run on one host at once."""
    hosts: int = 4
    """At once."""
    drain: float = 300.0
    """Before the end of a host's time, in which its agents are moved."""
    wait: float = 900.0
    """For a new host."""

    @classmethod
    def of(cls, config: SourceConfig) -> Limits:
        return cls(config.agents, config.hosts, config.drain, config.wait)


@dataclass(frozen=True, slots=True)
class Provided:
    """A host that a provider has given, or will."""

    spec: HostSpec
    """Its name says which one it is, and never means another; its `provider` is the provider's name."""
    ready: bool = True
    waits: str = ""
    """Why it is not ready, as the end of a sentence."""


class Provider(Protocol):
    limits: Limits

    def hosts(self) -> list[Provided]:
        """Those that this home has now. One that is missing is gone for good, with all that ran there. Raise
        UnreachableError where nobody knows."""

    def acquire(self, needs: Needs, key: str) -> str:
        """Ask for a host; return its name. The same key again is the same host. Raise RefusedError where it can't be
        had."""

    def release(self, name: str) -> None:
        """Give a host back, at once; one that is gone is fine."""
