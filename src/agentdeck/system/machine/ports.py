"""Ports of an agent's own: no two agents of this user, in any deck, are ever given the same one."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.hashes import sha256
from agentdeck.errors import PortError
from agentdeck.system.files.registry import Registry


@dataclass(frozen=True, slots=True)
class PortLease:
    deck: str
    agent: str
    ports: tuple[int, ...]
    since: float
    """Seconds since the epoch."""
    lingering: bool = False
    """Whether its agent has let go of them while something still listened there; they are handed out to nobody."""
    host: str = ""
    """The host that they are on; empty: this machine."""


def _lease(record: dict[str, Any]) -> PortLease:
    ports, lingering = tuple(record["ports"]), bool(record.get("lingering"))
    return PortLease(record["deck"], record["agent"], ports, record["since"], lingering)


class PortRegistry:
    """Who of this user's agents has which ports, in one file for all decks."""

    def __init__(self, path: Path) -> None:
        self._registry = Registry(path, ("deck", "agent", "ports", "since"))

    def owners(self) -> list[PortLease]:
        return [_lease(record) for record in self._registry.records()]

    def reserve(
        self, deck: str, agent: str, count: int, span: tuple[int, int], *, replace_taken: bool = True
    ) -> list[int]:
        """Hand out `count` ports within `span`, both ends included; the same ones again to the same agent.

        A new block starts at a place that follows from the names, so that an agent made again gets its old ports where
        they are free. Each port is free at the moment of hand-out. With `replace_taken`, a port of the agent's that
        something else listens on by now is replaced by another; the agent itself must not be running then.

        Raise PortError where the span has too few free ones.
        """
        with self._registry.changing() as records:
            _drop_free(records)
            owner = (deck, agent, None)
            mine = next(
                (each for each in records if (each["deck"], each["agent"], each.get("lingering")) == owner), None
            )
            taken = {port for each in records if each is not mine for port in each["ports"]}
            kept = [port for port in (mine["ports"] if mine else []) if span[0] <= port <= span[1]][:count]
            busy = list[int]()
            if replace_taken:
                busy = [port for port in kept if not is_free(port)]
                kept = [port for port in kept if port not in busy]
                taken.update(busy)
            if len(kept) < count:
                kept = self._choose(f"{deck}\0{agent}", count, span, taken=taken, kept=kept)
            if mine is None:
                records.append({"deck": deck, "agent": agent, "ports": kept, "since": time.time()})
            else:
                mine["ports"] = kept
            if busy:
                records.append(_lingering(deck, agent, busy))
            return kept

    def _choose(self, owner: str, count: int, span: tuple[int, int], *, taken: set[int], kept: list[int]) -> list[int]:
        """A block in one piece where the owner has none yet; else, or where there is no such block, single ports."""
        first, size = span[0], span[1] - span[0] + 1
        start = int.from_bytes(sha256(owner.encode()).digest()[:4]) % max(1, size // max(1, count))
        ports = [first + (start * count + step) % size for step in range(size)]
        if not kept:
            for at in range(0, size - count + 1, count):
                block = ports[at : at + count]
                if block[-1] - block[0] == count - 1 and not taken & set(block) and all(map(is_free, block)):
                    return block
        for port in ports:
            if len(kept) == count:
                break
            if port not in taken and port not in kept and is_free(port):
                kept.append(port)
        if len(kept) < count:
            raise PortError(
                f"There are not {count} free ports left between {span[0]} and {span[1]}.",
                hint="Widen [ports] range in agentdeck.toml, or remove agents that you no longer need.",
            )
        return kept

    def release(self, deck: str, agent: str) -> None:
        """Take back the ports of an agent; those that something listens on stay reserved until they are free."""
        self.forget(lambda lease: (lease.deck, lease.agent) == (deck, agent))

    def forget(self, gone: Callable[[PortLease], bool]) -> list[PortLease]:
        """Take back the leases for which `gone` says so, and return them. A port in use stays, as a lingering one."""
        if not any(gone(lease) for lease in self.owners()):
            return []  # so that a start can be taken back where the file can't be written
        forgotten = []
        with self._registry.changing() as records:
            for record in list(records):
                lease = _lease(record)
                if not gone(lease):
                    continue
                records.remove(record)
                forgotten.append(lease)
                if busy := [port for port in lease.ports if not is_free(port)]:
                    records.append(_lingering(lease.deck, lease.agent, busy))
        return forgotten


def _lingering(deck: str, agent: str, ports: list[int]) -> dict[str, Any]:
    return {"deck": deck, "agent": agent, "ports": ports, "since": time.time(), "lingering": True}


def _drop_free(records: list[dict[str, Any]]) -> None:
    """Let go of the lingering ports that are free by now."""
    for record in list(records):
        if record.get("lingering"):
            record["ports"] = [port for port in record["ports"] if not is_free(port)]
            if not record["ports"]:
                records.remove(record)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now: on all addresses and on loopback, IPv4 and IPv6."""
    import socket

    for family, address in (
        (socket.AF_INET, "0.0.0.0"),  # noqa: S104 - bound for a moment, never listened on
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET6, "::"),
        (socket.AF_INET6, "::1"),
    ):
        try:
            probe = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # a machine without IPv6
        with probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Connections that just ended must not make a port look taken; another listener still does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL:
                    continue
                return False
    return True


def listeners(ports: Collection[int]) -> dict[int, int | None]:
    """By port of `ports` that something listens on, the pid of that; None where the system does not tell."""
    import psutil

    found: dict[int, int | None] = dict.fromkeys(ports)
    try:
        held = [(each.laddr, each.status, each.pid) for each in psutil.net_connections("tcp")]
    except psutil.AccessDenied:  # macOS tells a user about the user's own processes only
        held = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                held += [(each.laddr, each.status, process.pid) for each in process.net_connections("tcp")]
    for address, status, pid in held:
        if address and status == psutil.CONN_LISTEN and address.port in found and pid:
            found[address.port] = pid
    return found


def variables(ports: Sequence[int], names: Sequence[str]) -> dict[str, str]:
    """`PORT` for the first, `PORT_1`, `PORT_2`, … for the others, and `names` for the others in order, too."""
    found = {"PORT" if number == 0 else f"PORT_{number}": str(port) for number, port in enumerate(ports)}
    return found | {name: str(port) for name, port in zip(names, ports[1:], strict=False)}
