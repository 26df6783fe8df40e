"""Ports of an agent's own: no two agents of this user, in any deck, are ever given the same one."""

from __future__ import annotations

import errno
import hashlib
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentdeck.errors import PortError
from agentdeck.system.registry import Registry


@dataclass(frozen=True, slots=True)
class PortLease:
    deck: str
    agent: str
    ports: tuple[int, ...]
    since: float
    """Seconds since the epoch."""


class PortRegistry:
    """Who of this user's agents has which ports, in one file for all decks."""

    def __init__(self, path: Path) -> None:
        self._registry = Registry(path, ("deck", "agent", "ports", "since"))

    def owners(self) -> list[PortLease]:
        records = self._registry.records()
        return [PortLease(each["deck"], each["agent"], tuple(each["ports"]), each["since"]) for each in records]

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
            mine = next((each for each in records if (each["deck"], each["agent"]) == (deck, agent)), None)
            taken = {port for each in records if each is not mine for port in each["ports"]}
            kept = [port for port in (mine["ports"] if mine else []) if span[0] <= port <= span[1]][:count]
            if replace_taken:
                kept = [port for port in kept if is_free(port)]
            if len(kept) < count:
                kept = self._choose(f"{deck}\0{agent}", count, span, taken=taken, kept=kept)
            if mine is None:
                records.append({"deck": deck, "agent": agent, "ports": kept, "since": time.time()})
            else:
                mine["ports"] = kept
            return kept

    def _choose(self, owner: str, count: int, span: tuple[int, int], *, taken: set[int], kept: list[int]) -> list[int]:
        """A block in one piece where the owner has none yet; else, or where there is no such block, single ports."""
        first, size = span[0], span[1] - span[0] + 1
        start = int.from_bytes(hashlib.sha256(owner.encode()).digest()[:4]) % max(1, size // max(1, count))
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
                f"There are no {count} free ports left between {span[0]} and {span[1]}.",
                hint="Widen [ports] range in agentdeck.toml, or remove agents you no longer need.",
            )
        return kept

    def release(self, deck: str, agent: str) -> None:
        self.forget(lambda lease: (lease.deck, lease.agent) == (deck, agent))

    def forget(self, gone: Callable[[PortLease], bool]) -> list[PortLease]:
        """Take back the leases for which `gone` says so, and return them."""
        if not any(gone(lease) for lease in self.owners()):
            return []  # so that a start can be taken back where the file can't be written
        forgotten = []
        with self._registry.changing() as records:
            for record in list(records):
                lease = PortLease(record["deck"], record["agent"], tuple(record["ports"]), record["since"])
                if gone(lease):
                    records.remove(record)
                    forgotten.append(lease)
        return forgotten


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now: on all addresses and on loopback, IPv4 and IPv6."""
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


def variables(ports: Sequence[int], names: Sequence[str]) -> dict[str, str]:
    """`PORT` for the first, `PORT_1`, `PORT_2`, … for the others, and `names` for the others in order, too."""
    found = {"PORT" if number == 0 else f"PORT_{number}": str(port) for number, port in enumerate(ports)}
    return found | {name: str(port) for name, port in zip(names, ports[1:], strict=False)}
