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
from typing import TYPE_CHECKING, Any, cast

from agentdeck.errors import ConfigError, NotFoundError
from agentdeck.system.files.files import state_home
from agentdeck.system.fleet.probe import machine_id
from agentdeck.system.fleet.provided import Limits, Provided, Provider

if TYPE_CHECKING:
    from agentdeck.core.config.fleet import FleetConfig

__all__ = ["Limits", "Provided", "Provider", "config", "names", "owner", "provider"]

GROUP = "agentdeck.providers"
_OWN = {
    "slurm": "agentdeck.system.fleet.slurm:Slurm",
    "kubernetes": "agentdeck.system.fleet.kubernetes:Kubernetes",
}


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
