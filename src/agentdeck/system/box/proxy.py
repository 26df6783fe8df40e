"""The way out of a box: a process outside of it, which passes on what connects to the box's own loopback.

    AGENTDECK_NETWORK='{…}' python -I -m agentdeck.system.box.proxy

Its standard input is the channel to the child of the runner that makes sockets in the box. Who connects to a door is
passed on to its server; the proxy (HTTP, CONNECT and SOCKS 5) connects to names on the list, after it looked up their
addresses itself; and what listens in the box at a port of the agent's own is reached at that port of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from agentdeck.core.box.network import LOCAL, LOOPBACK, Network, is_allowed, is_named, is_public
from agentdeck.errors import DeckError
from agentdeck.system.box.joined import CONNECTED, READY
from agentdeck.system.files.files import append_line, from_json
from agentdeck.system.machine.tree import signal_me_after_parent

_LARGEST_LOG = 1024 * 1024
_LARGEST_HEAD = 65536
_PATIENCE = 30.0
_PRIVATE = "{} is at an address of this machine or its network, which [box] allow_domains does not name"
_CHUNK = 262144
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
_HOP_BY_HOP = (b"proxy-", b"connection:", b"keep-alive:")


class Refused(Exception):
    """The proxy does not connect there; the text says why."""


class Log:
    """One JSON line for each connection that was asked for, and one when it is over. The older half is kept beside."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, host: str, port: int, verdict: str, **more: Any) -> None:
        shown = "".join(each if each.isprintable() else "?" for each in host[:255])
        line = json.dumps({"t": round(time.time(), 3), "host": shown, "port": port, "verdict": verdict, **more})
        with contextlib.suppress(OSError, DeckError):
            with contextlib.suppress(FileNotFoundError):
                if self._path.stat().st_size > _LARGEST_LOG:
                    self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            append_line(self._path, line)


class Channel:
    """To the child that is in the box's network."""

    def __init__(self, ours: socket.socket) -> None:
        self._socket = ours
        self._asked: deque[asyncio.Future[socket.socket | None]] = deque()

    def listeners(self, count: int) -> list[socket.socket]:
        """The sockets that it made; fewer where it ended."""
        found: list[socket.socket] = []
        while len(found) < count:
            told, descriptors, _, _ = socket.recv_fds(self._socket, 32, 1)
            if told != READY or not descriptors:
                break
            found.append(socket.socket(fileno=descriptors[0]))
        return found

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        self._socket.setblocking(False)
        loop.add_reader(self._socket, self._read)

    async def connected(self, port: int) -> socket.socket | None:
        """A socket that is connected to that port in the box; None where nothing listens there."""
        answer: asyncio.Future[socket.socket | None] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._socket.send(port.to_bytes(2))
        return await answer

    def _read(self) -> None:
        told, descriptors, _, _ = socket.recv_fds(self._socket, 32, 1)
        if not told:
            os._exit(0)  # the box is gone
        found = socket.socket(fileno=descriptors[0]) if told == CONNECTED and descriptors else None
        answer = self._asked.popleft()
        if not answer.done():
            answer.set_result(found)
        elif found is not None:
            found.close()


class WayOut:
    def __init__(self, network: Network, channel: Channel, log: Log, through: str) -> None:
        self._network, self._channel, self._log = network, channel, log
        self._through = through

    async def serve(self) -> None:
        network = self._network
        listening = self._channel.listeners(len(network.doors) + bool(network.proxy))
        self._channel.open(asyncio.get_running_loop())
        for door, listener in zip(network.doors, listening, strict=False):
            await asyncio.start_server(partial(self._through_door, door.host, door.there), sock=listener)
        if network.proxy and len(listening) > len(network.doors):
            await asyncio.start_server(self._proxied, sock=listening[-1], limit=_LARGEST_HEAD)
        for port in network.ports:
            await self._open_port(port)
        await asyncio.Event().wait()

    async def _open_port(self, port: int) -> None:
        for host in (LOOPBACK, "::1"):
            try:
                await asyncio.start_server(partial(self._into_box, port), host, port, reuse_address=True)
            except OSError as error:
                if host == LOOPBACK:
                    self._log.write(host, port, "error", reason=f"port {port} can't be reached: {error.strerror}")

    async def _into_box(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = await self._channel.connected(port)
        if found is None:
            # As where nothing listens.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            writer.close()
            return
        await _joined(reader, writer, *await asyncio.open_connection(sock=found))

    async def _through_door(
        self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            there = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await _joined(reader, writer, *there)

    async def _proxied(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError, TimeoutError, ValueError):
            async with asyncio.timeout(_PATIENCE):
                first = await reader.readexactly(1)
            if first == b"\x05":
                await self._socks(reader, writer)
            else:
                await self._http(first, reader, writer)
        writer.close()

    async def _http(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_PATIENCE):
            head = first + await reader.readuntil(b"\r\n\r\n")
        line, _, rest = head.partition(b"\r\n")
        method, target, version = line.decode("latin-1").split(" ", 2)
        is_tunnel = method == "CONNECT"
        place = urlsplit(f"//{target}" if is_tunnel else target)
        host, port = place.hostname or "", place.port or (443 if is_tunnel else 80)
        try:
            there = await self._dial(host, port)
        except Refused as refused:
            text = f"agentdeck: {refused}\n".encode()
            status = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n"
            writer.write(status + b"Content-Length: %d\r\n\r\n" % len(text) + text)
            await writer.drain()
            return
        if is_tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            # One request a connection: the next may be for another server.
            kept = [each for each in rest.split(b"\r\n") if each and not each.lower().startswith(_HOP_BY_HOP)]
            path = (place.path or "/") + (f"?{place.query}" if place.query else "")
            words = f"{method} {path} {version}".encode("latin-1")
            there[1].write(b"\r\n".join([words, *kept, b"Connection: close", b"", b""]))
        await self._told(host, port, reader, writer, there)

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_PATIENCE):
            await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(b"\x05\x00")
            _, command, _, kind = await reader.readexactly(4)
            if kind == 3:
                host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("latin-1")
            else:
                family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
                host = socket.inet_ntop(family, await reader.readexactly(size))
            port = int.from_bytes(await reader.readexactly(2))
        try:
            if command != 1:
                raise Refused("only connections can be made")
            there = await self._dial(host, port)
        except Refused:
            writer.write(b"\x05\x02\x00\x01" + bytes(6))
            await writer.drain()
            return
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        await self._told(host, port, reader, writer, there)

    async def _told(
        self,
        host: str,
        port: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        sent, received = await _joined(reader, writer, *there)
        if host not in LOCAL:
            self._log.write(host, port, "closed", sent=sent, received=received)

    async def _dial(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to an address that we looked up ourselves, so that it is the one that was checked. Loopback is the
        box's own: programs that ignore NO_PROXY ask us for their gateway or a server of theirs."""
        if host in LOCAL:
            if (own := await self._channel.connected(port)) is None:
                raise Refused(f"nothing listens at port {port} of the box")
            return await asyncio.open_connection(sock=own)
        try:
            if not is_allowed(host, port, self._network.domains):
                raise Refused(f"{host}:{port} is not in [box] allow_domains")
            there = await self._dial_through(host, port) if self._through else await self._dial_address(host, port)
        except Refused as refused:
            why = str(refused).removeprefix(f"{host}:{port} is ").removeprefix(f"{host} is ")
            self._log.write(host, port, "refused", reason=why)
            raise
        except (OSError, TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            self._log.write(host, port, "failed", reason=str(error) or "timed out")
            raise Refused(f"{host}:{port} can't be reached: {error}") from error
        self._log.write(host, port, "allowed")
        return there

    async def _dial_address(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        addresses = await self._addresses(host, port)
        problem: Exception = Refused(_PRIVATE.format(host))
        for address in addresses:
            if self._may_be(address):
                try:
                    async with asyncio.timeout(_PATIENCE):
                        return await asyncio.open_connection(address, port)
                except (OSError, TimeoutError) as error:
                    problem = error
        raise problem

    def _may_be(self, address: str) -> bool:
        """Whether a name on the list may have this address: a public one, or one that the list names too."""
        return is_named(address, self._network.domains) or (is_public(address) and not _is_ours(address))

    async def _addresses(self, host: str, port: int) -> list[str]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(each[4][0]) for each in found))

    async def _dial_through(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """By the person's own proxy, which alone may know the name."""
        with contextlib.suppress(socket.gaierror):
            if not all(map(self._may_be, await self._addresses(host, port))):
                raise Refused(_PRIVATE.format(host))
        proxy = urlsplit(self._through)
        reader, writer = await asyncio.open_connection(proxy.hostname, proxy.port or 80, limit=_LARGEST_HEAD)
        words = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
        if proxy.username:
            from base64 import b64encode

            login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            words.append(f"Proxy-Authorization: Basic {b64encode(login.encode()).decode()}")
        writer.write("\r\n".join([*words, "", ""]).encode("latin-1"))
        async with asyncio.timeout(_PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
        if head.split(b" ", 2)[1] != b"200":
            writer.close()
            answer = head.partition(b"\r\n")[0].decode("latin-1")
            raise ConnectionError(f"the proxy {proxy.hostname} answered {answer}")
        return reader, writer


def _is_ours(address: str) -> bool:
    """Whether it is an address of this machine, on which its servers may listen."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.bind((address, 0))
        return True
    return False


async def _joined(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, far: asyncio.StreamReader, far_out: asyncio.StreamWriter
) -> tuple[int, int]:
    """Pass on both ways until both are over; return how many bytes each way."""
    try:
        return tuple(await asyncio.gather(_passed(reader, far_out), _passed(far, writer)))  # type: ignore[return-value]
    finally:
        for each in (writer, far_out):
            each.close()


async def _passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    count = 0
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            count += len(data)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        return count
    writer.close()
    return count


def main() -> None:
    signal_me_after_parent(signal.SIGKILL)
    told = from_json(os.environ.pop("AGENTDECK_NETWORK"))
    log, through = Log(Path(told.pop("log"))), told.pop("through")
    channel = Channel(socket.socket(fileno=0))
    asyncio.run(WayOut(Network.from_json(told), channel, log, through).serve())


if __name__ == "__main__":
    main()
