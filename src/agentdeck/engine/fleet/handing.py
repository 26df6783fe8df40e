"""What a tier needs on another host: its providers, in the configuration that goes there, and their keys, over the
channel into the memory of the gateway there; with `keys = "home"` a way to the gateway here instead. No key is in an
order, in a file or in anything that is started there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from agentdeck.core.agents.agent import Agent
from agentdeck.engine.fleet import tunnels
from agentdeck.engine.fleet.hosts import Remote
from agentdeck.engine.providers import gateways
from agentdeck.engine.world import World
from agentdeck.errors import DeckError, UnreachableError
from agentdeck.system.fleet.channel import Channel
from agentdeck.system.fleet.links import LINKS

_TABLES = ("providers", "tiers")
_handed: WeakKeyDictionary[Channel, dict[str, str]] = WeakKeyDictionary()
"""What was handed down over each connection."""


def hand_down(world: World, remote: Remote, agents: Iterable[Agent]) -> None:
    """Let the host have the keys that the tiers of these agents need, once a connection: it forgets them when it
    restarts. What keeps them from it, such as an older host or a configuration that waits for approval, keeps nothing
    else: without a key the host says so. Raise UnreachableError where it does not answer."""
    try:
        config = world.settings.config
        if not config.tiers:
            return
        if config.gateway.keys == "home" and any(
            tunnels.uses(world, each.tier or config.agent.tier) for each in agents
        ):
            tunnels.ensure(world, remote.spec, waits=False)
        if config.gateway.keys != "send":
            return
        keys = gateways.keys_for(world, {agent.tier or config.agent.tier for agent in agents})
        known = _handed.setdefault(LINKS.get(remote.spec), {})
        if new := {name: key for name, key in keys.items() if known.get(name) != key}:
            remote.call("keys", keys=new, timeout=60)
            known |= new
    except UnreachableError:
        raise
    except DeckError:
        return


def configuration(world: World) -> str:
    """The providers and tiers of the person's own file, as TOML; the repository's file goes there as it is. Tiers of
    the repository go before those of the person's, as here; which server gets a key is the person's to say."""
    own: dict[str, Any] = world.sources.own_data
    found = {table: own[table] for table in _TABLES if own.get(table)}
    if world.settings.config.gateway.keys == "home":
        found["gateway"] = {"keys": "home"}
    if not found:
        return ""
    import tomlkit

    return tomlkit.dumps(found)
