"""What a program in a box may not ask of the kernel, for namespaces do not hold it: a filter for seccomp.

- The kernel's keyrings: a session's keys, such as those of Kerberos, are seen by all that descends from it.
- Sockets but for those of files, of the network and of the kernel's own news: AF_VSOCK leads to the machine that this
  one runs on, whatever network the box has.
- io_uring, which makes sockets past a filter, and the kernel's log.
- User namespaces, for root alone: in one of its own it could mount the control groups, whose files are root's.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator

from agentdeck.core.frozen import dataclass

_FAMILIES = (0, 1, 2, 10, 16)
"""AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK."""
_IO_URING = (425, 426, 427)
_CLONE3 = 435
_NEW_USER = 0x10000000
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16
"""Offsets in what the kernel tells the filter: the system call, whose it is, its first argument."""
_LOAD, _IS, _AT_LEAST, _HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000


@dataclass(frozen=True, slots=True)
class _Calls:
    """The numbers of system calls by which programs of one architecture ask."""

    architecture: int
    socket: int
    clone: int
    unshare: int
    refused: tuple[int, ...]
    """syslog, add_key, request_key, keyctl."""
    socketcall: int = 0
    others_from: int = 0
    """From where on they are those of another way to ask."""


_X86_64 = _Calls(0xC000003E, 41, 56, 272, (103, 248, 249, 250), others_from=0x40000000)
_X86 = _Calls(0x40000003, 359, 120, 310, (103, 286, 287, 288), socketcall=102)
_ARM = _Calls(0x40000028, 281, 120, 337, (103, 309, 310, 311))


def _generic(architecture: int) -> _Calls:
    return _Calls(architecture, 198, 220, 97, (116, 217, 218, 219))


_MACHINES = {
    "x86_64": (_X86_64, _X86),
    "i686": (_X86,),
    "aarch64": (_generic(0xC00000B7), _ARM),
    "armv7l": (_ARM,),
    "riscv64": (_generic(0xC00000F3),),
    "loongarch64": (_generic(0xC0000102),),
}


def filter_for(machine: str, *, root: bool) -> bytes | None:
    """The filter for programs on a machine of that kind, as `uname -m` names it; None where that is not known."""
    if machine not in _MACHINES:
        return None
    told = [_step(_LOAD, _ARCHITECTURE)]
    for calls in _MACHINES[machine]:
        block = list(_block(calls, root=root))
        told += [_step(_IS, calls.architecture, 0, len(block)), *block]
    return b"".join([*told, _refuse(errno.ENOSYS)])


def _block(calls: _Calls, *, root: bool) -> Iterator[bytes]:
    yield _step(_LOAD, _NUMBER)
    if calls.others_from:
        yield from (_step(_AT_LEAST, calls.others_from, 0, 1), _refuse(errno.ENOSYS))
    for number in (*calls.refused, *_IO_URING, *((_CLONE3,) if root else ())):
        yield from (_step(_IS, number, 0, 1), _refuse(errno.ENOSYS))
    yield from _of_first(calls.socket, [_step(_IS, family, len(_FAMILIES) - at) for at, family in enumerate(_FAMILIES)])
    if calls.socketcall:  # its arguments can't be seen; 1 is `socket`
        yield from _of_first(calls.socketcall, [_step(_IS, 1, 0, 1)], errno.ENOSYS)
    if root:
        for number in (calls.clone, calls.unshare):
            yield from _of_first(number, [_step(_HAS, _NEW_USER, 0, 1)], errno.EPERM)
    yield _step(_RETURN, _ALLOW)


def _of_first(number: int, tests: list[bytes], error: int = errno.EAFNOSUPPORT) -> list[bytes]:
    """Refuse that call by its first argument: a test that does not jump over the refusal leads to it."""
    return [
        _step(_IS, number, 0, len(tests) + 3),
        _step(_LOAD, _FIRST),
        *tests,
        _refuse(error),
        _step(_RETURN, _ALLOW),
    ]


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, value)


def _refuse(error: int) -> bytes:
    return _step(_RETURN, _REFUSE | error)
