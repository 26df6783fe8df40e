"""What of the network an agent in a box reaches, and which variables it gets for that."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.inheritance import GIVEN, LOOPBACK, is_any, past_the_proxy
from agentdeck.core.agents.orders import PERSON_PROXY
from agentdeck.core.box.box import BoxMode, Mount, NetworkReach, read
from agentdeck.core.box.network import Door, Network, local_ports
from agentdeck.engine.world import World
from agentdeck.system.files.files import write_atomic

if TYPE_CHECKING:
    from agentdeck.engine.box.programs import Programs

_PROXY = 3128
_SECRET = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|PASS$|_PWD$|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_KEY|AUTH(?!OR)|_KEY$|_PAT$|COOKIE"
    r"|WEBHOOK|_DSN$|^(AWS|AZURE|GOOGLE|GCP)_",
    re.I,
)
"""Names of variables that may be logins."""
_WITH_LOGIN = re.compile(r"://[^/\s@]*:[^/\s@]+@")
"""In the value of any other one: a URL with a password."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_LATER = "AGENTDECK_"


def reach_of(world: World, agent: Agent) -> NetworkReach:
    """The gate runs what an agent wrote, and it reaches less."""
    if agent.is_gate and not world.settings.config.box.gate_network:
        return NetworkReach.JOINED
    return NetworkReach.JOINED if agent.box == BoxMode.FULL else NetworkReach.OPEN


def network_of(world: World, agent: Agent, programs: Programs) -> Network:
    config = world.settings.config.box
    doors = {port: Door(port, host, port) for host, port in programs.servers}
    domains: tuple[str, ...] = ()
    if not agent.is_gate or config.gate_network:
        doors |= {port: Door(port, "127.0.0.1", port) for port in local_ports(config.allow_domains)}
        domains = (*config.allow_domains, *(name for each in programs.with_login for name in each.box.domains))
    if gateway := programs.gateway:
        doors[gateway] = Door(gateway, "127.0.0.1", gateway)
    ports = tuple(agent.ports.ports) if agent.ports else ()
    proxy = next(port for port in itertools.count(_PROXY) if port not in doors and port not in ports)
    is_gate = agent.is_gate and not config.gate_network
    return Network(tuple(dict.fromkeys(domains)), tuple(doors.values()), ports, 0 if is_gate else proxy)


def names(programs: Programs, folder: Path) -> list[Mount]:
    """Where its database is on another machine, the box finds that by its name at its own loopback."""
    hosts = sorted({host for host, _ in programs.servers} - set(LOOPBACK))
    if not hosts:
        return []
    write_atomic(folder / "hosts", f"127.0.0.1 localhost {' '.join(hosts)}\n::1 localhost\n")
    return [read("/etc/hosts", str(folder / "hosts"))]


def networked(environment: Mapping[str, str], network: Network) -> dict[str, str]:
    """The variables by which programs in the box find its proxy; the person's own is the runner's."""
    lower = {name.lower(): value for name, value in environment.items() if name.upper() in _PROXIES and value}
    kept = {name: value for name, value in environment.items() if name.upper() not in (*_PROXIES, "NO_PROXY")}
    if (person := lower.get("https_proxy") or lower.get("all_proxy")) and person.startswith("http://"):
        kept[PERSON_PROXY] = person
    if not network.proxy:
        return kept
    address = f"http://127.0.0.1:{network.proxy}"
    found = {case(name): address for name in _PROXIES for case in (str.upper, str.lower)}
    return {**kept, **found, "NODE_USE_ENV_PROXY": "1", **past_the_proxy({}, always=True)}


def without_logins(environment: Mapping[str, str], world: World, agent: Agent, programs: Programs) -> dict[str, str]:
    """The variables less those of the person's shell that may be logins; what the configuration, the profile or `run`
    gives the agent stays, and so does the login of a CLI that the gateway does not serve."""
    patterns = " ".join(name for each in programs.with_login for name in each.login.variables)
    kept = {*environment.get(GIVEN, "").split(), *agent.env, *world.settings.config.agent.env}
    return {
        name: value
        for name, value in environment.items()
        if name in kept
        or name.startswith(_LATER)
        or name.upper() in _PROXIES
        or is_any(name, patterns)
        or not (_SECRET.search(name) or _WITH_LOGIN.search(value))
    }
