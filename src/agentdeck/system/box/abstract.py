"""Keep a program from the abstract sockets of others, which have no place among the files: those of X11, above all.

    python -I -m agentdeck.system.box.abstract ARGV

A box with the network of the machine has its abstract sockets too. Linux from 6.12 on (Landlock) can hold it to those
that it has made itself.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION = 1
"""The flag that asks for the version."""
_SCOPES_FROM = 6
_ABSTRACT_SOCKETS = 1
_NO_NEW_PRIVILEGES = 38


def can_hold() -> bool:
    """Whether the kernel can."""
    return (
        sys.platform == "linux" and int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _VERSION)) >= _SCOPES_FROM
    )


def hold() -> None:
    """Hold this process, and all that it starts, to its own; nothing happens where the kernel can't."""
    if not can_hold():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    rules = struct.pack("=QQQ", 0, 0, _ABSTRACT_SOCKETS)
    ruleset = libc.syscall(_CREATE_RULESET, rules, len(rules), 0)
    if ruleset < 0 or libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.syscall(_RESTRICT_SELF, ruleset, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    os.close(ruleset)


if __name__ == "__main__":
    hold()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is wanted
