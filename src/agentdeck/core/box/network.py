"""What a box without the machine's network reaches all the same, and which names its proxy connects to."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from agentdeck.core.frozen import dataclass

LOOPBACK = "127.0.0.1"
LOCAL = ("localhost", LOOPBACK, "::1")
_WEB = (80, 443)
_RULE = re.compile(
    r"(?P<wild>\*\.)?(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(?::(?P<port>[0-9]{1,5}))?"
)
_HOST = re.compile(r"[a-z0-9_.:-]+")
"""What a name or an address may hold. SOCKS takes any bytes, and the end of a line would end a request to a proxy."""
_PORTS = {
    **dict.fromkeys(("postgres", "postgresql"), 5432),
    **dict.fromkeys(("redis", "rediss", "valkey"), 6379),
    **dict.fromkeys(("mysql", "mariadb"), 3306),
    "mongodb": 27017,
}
"""By the scheme of a URL that names none."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")


@dataclass(frozen=True, slots=True)
class Door:
    """A server of the machine, or beyond it, that is reached in the box at `port` of loopback."""

    port: int
    host: str
    there: int
    """Its port outside."""


@dataclass(frozen=True, slots=True)
class Network:
    domains: tuple[str, ...] = ()
    """Names that its proxy connects to, each `NAME`, `*.NAME` or one of them with `:PORT`."""
    doors: tuple[Door, ...] = ()
    ports: tuple[int, ...] = ()
    """Its own: what listens there in the box is reached at the same port of the machine's loopback."""
    proxy: int = 0
    """The port of the proxy in the box; 0: it has none."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Network:
        doors = tuple(Door(**each) for each in data["doors"])
        return cls(tuple(data["domains"]), doors, tuple(data["ports"]), data["proxy"])


def split_rule(rule: str) -> tuple[str, int | None]:
    """The name (`*.` before it: any below it) and the port, None for those of the web; raise ValueError for what is no
    rule."""
    if "/" in rule:
        return str(ipaddress.ip_network(rule)), None
    found = _RULE.fullmatch(rule.strip().rstrip(".").lower())
    port = int(found["port"]) if found and found["port"] else None
    if found is None or (port is not None and not 0 < port < 65536):
        raise ValueError(f"“{rule}” is no domain: write “pypi.org”, “*.npmjs.org”, “git.example.com:22”")
    host = found["host"].strip("[]")
    if host in LOCAL and port is None:
        raise ValueError(f"“{rule}” needs a port, as in “localhost:11434”")
    return (found["wild"] or "") + host, port


def local_ports(rules: Iterable[str]) -> list[int]:
    """The ports of this machine's loopback that the rules name."""
    split = [split_rule(rule) for rule in rules]
    return sorted({port for host, port in split if host in LOCAL and port is not None})


def servers_in(values: Iterable[str]) -> list[tuple[str, int]]:
    """The host and port of each URL of a server among `values`."""
    found = []
    for value in values:
        with contextlib.suppress(ValueError):
            parts = urlsplit(value)
            port = parts.port or _PORTS.get(parts.scheme.partition("+")[0])
            if parts.hostname and port:
                found.append((parts.hostname, port))
    return list(dict.fromkeys(found))


def is_allowed(host: str, port: int, rules: Iterable[str]) -> bool:
    """Whether one of `rules` allows to connect to `port` of `host`."""
    name = host.strip("[]").rstrip(".").lower()
    if not _HOST.fullmatch(name):
        return False
    for rule in rules:
        wanted, at = split_rule(rule)
        fits = name.endswith(wanted[1:]) and name != wanted[2:] if wanted.startswith("*.") else name == wanted
        if fits and wanted not in LOCAL and (port == at if at is not None else port in _WEB):
            return True
    return False


def is_named(address: str, rules: Iterable[str]) -> bool:
    """Whether one of `rules` names this very address or its network, as in `10.20.0.0/16`."""
    with contextlib.suppress(ValueError):
        found = ipaddress.ip_address(address.partition("%")[0])
        for rule in rules:
            with contextlib.suppress(ValueError):
                if found in ipaddress.ip_network(split_rule(rule)[0]):
                    return True
    return False


def is_public(address: str) -> bool:
    """Whether an address is one of the internet: not of this machine, its network, or the server that tells a cloud's
    machine its keys, in whatever way that is written."""
    try:
        found: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    elif found in _SHARED:
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved
