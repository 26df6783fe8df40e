"""Listen inside of a box that has a loopback of its own, without a process of ours in it.

A child of the runner goes into the box's network and makes the sockets there: a socket stays in the network that it was
made in, whoever holds it. They go to the proxy, a process of its own outside, and the box's program starts when they
listen. The child stays to connect to what listens in the box. Linux only; standard library only: the runner loads it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from agentdeck.core.box.bubblewrap import BLOCK, INFO
from agentdeck.core.box.network import LOOPBACK, Network
from agentdeck.core.frozen import asdict
from agentdeck.system.files.files import from_json
from agentdeck.system.machine.stopsignals import STOP_SIGNALS
from agentdeck.system.machine.tree import signal_me_after_parent

READY = b"listening"
CONNECTED, REFUSED = b"connected", b"refused"
_OWNER = 0xB701
"""The ioctl NS_GET_USERNS: the user namespace that a namespace belongs to."""
_BIND_BEFORE_ADDRESS = 15
"""IP_FREEBIND: bubblewrap may still be setting up the box's loopback."""
_BACKLOG = 512
_PATIENCE = 5.0


class JoinedNetwork:
    """The network of one program in a box."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._info = os.pipe()
        self._block = os.pipe()
        self._open = {*self._info, *self._block}
        self.pids: frozenset[int] = frozenset()
        """Our processes for it."""
        for descriptor in self._inside:
            os.set_inheritable(descriptor, True)

    @property
    def _inside(self) -> tuple[int, int]:
        return self._info[1], self._block[0]

    def told(self, box: Sequence[str]) -> tuple[str, ...]:
        """The words before the program, with our descriptors in them."""
        values = {INFO: str(self._info[1]), BLOCK: str(self._block[0])}
        return tuple(values.get(word, word) for word in box)

    def started(self, log: Path, through: str) -> None:
        """Open it, for the program that was just started; `log` gets what the proxy connects to, `through` is the
        person's own proxy."""
        self._close(*self._inside)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            helper = os.fork()
            if helper == 0:
                _be_helper(self.network, self._info[0], self._block[1], theirs)
            self._close(self._info[0], self._block[1])
            told = json.dumps({**asdict(self.network), "log": str(log), "through": through})
            proxy = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-m", "agentdeck.system.box.proxy"],
                {**os.environ, "AGENTDECK_NETWORK": told},
                file_actions=[(os.POSIX_SPAWN_DUP2, ours.fileno(), 0)],
                setsid=True,
            )
        self.pids = frozenset({helper, proxy})

    def end(self) -> None:
        """Nothing of it is left afterwards but children to reap."""
        self._close(*self._info, *self._block)
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.pids = frozenset()

    def _close(self, *descriptors: int) -> None:
        for descriptor in descriptors:
            if descriptor in self._open:
                self._open.discard(descriptor)
                os.close(descriptor)


def _be_helper(network: Network, info: int, block: int, channel: socket.socket) -> None:
    """In the forked child; never returns. Where the network can't be had the program ends before it begins."""
    child = 0
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for sign in (*STOP_SIGNALS, signal.SIGCHLD, signal.SIGWINCH):
            signal.signal(sign, signal.SIG_IGN)
        _close_all_but({2, info, block, channel.fileno()})
        if child := _child(info):
            _enter(child)
            signal_me_after_parent(signal.SIGKILL)
            ports = [*(door.port for door in network.doors), *([network.proxy] if network.proxy else [])]
            _listen(ports, channel)
            os.write(block, b".")
            os.close(block)
            child = 0
            _connect_for(channel)
    except BaseException as error:  # noqa: BLE001 - a forked child must never run its parent's code on
        if child:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
            os.write(2, f"agentdeck: the network of the box can't be made: {error}\r\n".encode())
    os._exit(0)


def _close_all_but(kept: set[int]) -> None:
    last = 0
    for descriptor in sorted(kept):
        os.closerange(last, descriptor)
        last = descriptor + 1
    os.closerange(last, os.sysconf("SC_OPEN_MAX") if last > 65536 else 65536)


def _child(info: int) -> int:
    """The pid of the box's first process; 0 where bubblewrap ended before there was one."""
    told = b""
    while not told.rstrip().endswith(b"}"):
        part = os.read(info, 4096)
        if not part:
            return 0
        told += part
    return int(from_json(told.decode())["child-pid"])


def _enter(child: int) -> None:
    """Go into the network of that process: by way of its user namespace, in which we may."""
    libc = ctypes.CDLL(None, use_errno=True)
    network = os.open(f"/proc/{child}/ns/net", os.O_RDONLY)
    for namespace in (fcntl.ioctl(network, _OWNER), network):
        if libc.setns(namespace, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        os.close(namespace)


def _listen(ports: Sequence[int], channel: socket.socket) -> None:
    """Listen on each, and hand the sockets over."""
    listening = []
    for port in ports:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_IP, _BIND_BEFORE_ADDRESS, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(_BACKLOG)
        listening.append(listener)
    for listener in listening:
        socket.send_fds(channel, [READY], [listener.fileno()])
        listener.close()


def _connect_for(channel: socket.socket) -> None:
    """Until nobody asks any more: connect to the port that is asked for, and hand the socket over."""
    while asked := channel.recv(8):
        found = _connected(int.from_bytes(asked))
        if found is None:
            channel.send(REFUSED)
            continue
        with found:
            socket.send_fds(channel, [CONNECTED], [found.fileno()])


def _connected(port: int) -> socket.socket | None:
    for family, host in ((socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1")):
        found = socket.socket(family)
        found.settimeout(_PATIENCE)
        try:
            found.connect((host, port))
        except OSError as error:
            found.close()
            if error.errno not in (errno.ECONNREFUSED, errno.EADDRNOTAVAIL):
                return None
        else:
            found.setblocking(True)
            return found
    return None
