"""Wait until something in a folder changes, and be woken at once: by inotify, in place of looks at intervals."""

from __future__ import annotations

import os
import select
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from agentdeck.system.files.watch import ticks

_MODIFY, _MOVED_TO, _CREATE, _DELETE_SELF = 0x2, 0x80, 0x100, 0x400
_EVENT = struct.Struct("iIII")
_TICK = 1.0


def news(folder: Path, name: str, every: float = _TICK) -> Iterator[None]:
    """Yield at once, then when files of `folder` whose names begin with `name` change, and `every` so many seconds
    without; as `watch.ticks` where the system has no inotify. Ends when the folder is taken away."""
    descriptor = _watched(folder)
    if descriptor < 0:
        yield from ticks(folder, every=every)
        return
    try:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        yield
        while folder.is_dir():
            if not waiting.poll(1000 * every) or _concerns(os.read(descriptor, 1 << 16), os.fsencode(name)):
                yield
    finally:
        os.close(descriptor)


def _watched(folder: Path) -> int:
    """A descriptor that tells of changes in the folder; -1 where there is none."""
    if sys.platform != "linux":
        return -1
    import ctypes

    libc = ctypes.CDLL(None)
    descriptor = int(libc.inotify_init1(os.O_CLOEXEC))
    mask = _MODIFY | _MOVED_TO | _CREATE | _DELETE_SELF
    if descriptor >= 0 and libc.inotify_add_watch(descriptor, os.fsencode(folder), mask) < 0:  # no watch is left
        os.close(descriptor)
        return -1
    return descriptor


def _concerns(events: bytes, name: bytes) -> bool:
    at = 0
    while at < len(events):
        *_, length = _EVENT.unpack_from(events, at)
        at += _EVENT.size
        if not length or events[at : at + length].startswith(name):  # without a name, the folder itself is meant
            return True
        at += length
    return False
