"""What a box's filter of system calls decides, by an interpreter of its programs."""

from __future__ import annotations

import errno
import struct

import pytest

from agentdeck.core.box.syscalls import filter_for

ALLOWED = 0
X86_64, X86, ARM64, ARM, RISCV = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028, 0xC00000F3
NEW_USER, VSOCK, UNIX, INET = 0x10000000, 40, 1, 2


def decides(machine: str, architecture: int, number: int, first: int = 0, *, root: bool = False) -> int:
    """The error that a call gets; 0 where it is allowed."""
    program = filter_for(machine, root=root)
    assert program is not None
    steps = list(struct.iter_unpack("<HBBI", program))
    told = struct.pack("<IIQQ", number, architecture, 0, first)
    at, value = 0, 0
    while True:
        code, yes, no, operand = steps[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("<I", told, operand)
        elif code == 0x06:
            return operand & 0xFFFF if operand != 0x7FFF0000 else ALLOWED
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: value & operand != 0}[code]
            at += yes if holds else no


@pytest.mark.parametrize(
    ("machine", "architecture", "socket", "keyctl", "clone", "unshare"),
    [
        ("x86_64", X86_64, 41, 250, 56, 272),
        ("x86_64", X86, 359, 288, 120, 310),
        ("aarch64", ARM64, 198, 219, 220, 97),
        ("aarch64", ARM, 281, 311, 120, 337),
        ("riscv64", RISCV, 198, 219, 220, 97),
    ],
)
def test_what_is_refused(machine: str, architecture: int, socket: int, keyctl: int, clone: int, unshare: int) -> None:
    def of(number: int, first: int = 0, *, root: bool = False) -> int:
        return decides(machine, architecture, number, first, root=root)

    assert [of(socket, family) for family in (UNIX, INET, 10, 16)] == [ALLOWED] * 4
    assert [of(socket, family) for family in (VSOCK, 38, 17, 2**32 - 1)] == [errno.EAFNOSUPPORT] * 4
    assert [of(number) for number in (keyctl, keyctl - 1, keyctl - 2, 425, 426, 427)] == [errno.ENOSYS] * 6
    assert of(clone, NEW_USER | 17) == of(unshare, NEW_USER) == of(435) == ALLOWED
    assert of(clone, NEW_USER | 17, root=True) == of(unshare, NEW_USER, root=True) == errno.EPERM
    assert of(435, root=True) == errno.ENOSYS
    assert of(clone, 17, root=True) == of(unshare, 0x400, root=True) == of(0) == ALLOWED


def test_there_is_no_other_way_to_ask() -> None:
    assert decides("x86_64", X86_64, 0x40000000 + 41, VSOCK) == errno.ENOSYS
    assert decides("x86_64", X86, 102, 1) == errno.ENOSYS
    assert decides("x86_64", X86, 102, 3) == ALLOWED
    assert decides("x86_64", ARM64, 0) == errno.ENOSYS
    assert filter_for("s390x", root=False) is None
