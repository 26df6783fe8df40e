"""Where hosts come from beside the person's own list: the protocol, and how an adapter is found.

An adapter is one class, imported only when it is configured. One of another package names itself as an entry point:

    [project.entry-points."agentdeck.providers"]
    nomad = "agentdeck_nomad:Nomad"

and is configured as `[fleet.providers.nomad]` in the user's own file. It is made with that table and with `owner`, a
text by which it finds what it gave to this home again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, cast

from agentdeck.core.fleet.placement import Needs
from agentdeck.core.frozen import dataclass
from agentdeck.errors import ConfigError, NotFoundError
from agentdeck.system.files.files import state_home
from agentdeck.system.fleet.hostlist import HostSpec
from agentdeck.system.fleet.probe import machine_id

if TYPE_CHECKING:
    from agentdeck.core.config.fleet import FleetConfig, SourceConfig

GROUP = "agentdeck.providers"
_OWN = {
    "slurm": "agentdeck.system.fleet.slurm:Slurm",
    "kubernetes": "agentdeck.system.fleet.kubernetes:Kubernetes",
}


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


Factory = Callable[[Any, str], Provider]


def config() -> FleetConfig:
    """The user's own."""
    from agentdeck.system.config.settings import load

    return load(state_home()).config.fleet  # no repository is there: a repository has no say


def names() -> list[str]:
    """The providers that this user has configured."""
    fleet = config()
    return [*(name for name in _OWN if getattr(fleet, name) is not None), *fleet.providers]


def provider(name: str) -> Provider:
    """Raise NotFoundError where it is not configured, ConfigError where its adapter is not installed."""
    fleet = config()
    if name in _OWN and (settings := getattr(fleet, name)) is not None:
        module, _, made = _OWN[name].partition(":")
        factory = getattr(import_module(module), made)
    elif name in fleet.providers:
        settings, found = fleet.providers[name], [*entry_points(group=GROUP, name=name)]
        if not found:
            raise ConfigError(
                f"No package here is a source of hosts called “{name}”.",
                hint=f"Install one with the entry point “{name}” in “{GROUP}”.",
            )
        from agentdeck.system.fleet.guarding import Guarded

        return Guarded(name, found[0], settings, owner())
    else:
        raise NotFoundError(f"“{name}” is no source of hosts of yours.", hint=f"Configure it: [fleet.{name}]")
    return cast("Factory", factory)(settings, owner())


def owner() -> str:
    """What tells this user's home from others that use the same cluster."""
    return hashlib.sha256(os.fsencode(f"{machine_id()}\0{state_home()}")).hexdigest()[:12]
