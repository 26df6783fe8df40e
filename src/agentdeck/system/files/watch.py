"""Wait for changes of files without polling."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

_STEP = 0.01
_TICK = 1.0
"""Seconds to wait for a change before looking all the same; a lost notification costs no more than this."""
_UNWATCHED = 0.2
"""Seconds between looks of one that waits, where the system refuses to watch."""
_BLIND = 5.0
"""The same of one that watches."""


def ticks(
    *folders: Path, every: float = _TICK, step: float = _STEP, calm: float = 0.0, but: Container[str] = frozenset()
) -> Iterator[None]:
    """Yield at once, then after every change of a file in `folders`, and `every` so many seconds without one; for ever.

    Changes are noticed within `step` seconds, and the first after `every` seconds without one within `calm`, where
    that is longer; each step costs a little. Files whose names are in `but` may change unnoticed. Ends when a folder is
    taken away. Where the system can't watch, it looks a few times a second.
    """
    notify, looked_at = _notify(folders), time.monotonic()
    yield
    if notify is not None:
        with notify as watcher, contextlib.suppress(TypeError):  # another version of it takes other arguments
            is_calm = False
            while True:
                left = looked_at + every - time.monotonic()
                pace = max(step, calm) if is_calm else step
                found = watcher.watch(50, int(1000 * pace), max(1, int(1000 * left)), None)
                is_calm = found == "timeout"
                if found == "signal":
                    raise KeyboardInterrupt
                now = time.monotonic()
                is_early = not isinstance(found, str) and now - looked_at < every
                if is_early and all(_name(path) in but for _, path in found):
                    continue
                looked_at = now
                yield
                if not all(folder.is_dir() for folder in folders):
                    return
    while all(folder.is_dir() for folder in folders):
        time.sleep(min(_UNWATCHED, every))
        yield


def _notify(folders: Iterable[Path]) -> Any:
    """What tells of changes from now on; None where the system, or the installed version of watchfiles, can't.

    Not its `watch`, which begins to watch only when it is asked for the first change: what came before that, and after
    the caller's first look, would be missed.
    """
    try:
        from watchfiles._rust_notify import RustNotify

        return RustNotify([str(folder) for folder in folders], False, False, 0, False, False)
    except (OSError, UnicodeEncodeError):  # no watch is left, or a path is not UTF-8
        return None
    except (ImportError, TypeError):  # it is not part of the library's interface, and may change
        return None


def _name(path: str) -> str:
    return os.path.basename(path)  # noqa: PTH119 - as often as this is called, a Path takes too long


def changes(folders: Iterable[Path], patience: float, stop: Event) -> Iterator[set[Path]]:
    """Yield the paths that changed in `folders`, not deeper, until `stop` is set.

    The first is an empty set: from then on nothing is missed. Another one comes after `patience` seconds without a
    change, or sooner where the system can't watch so many folders.
    """
    from watchfiles import watch

    options = {
        "debounce": 50,
        "step": 10,
        "rust_timeout": int(1000 * _TICK),
        "yield_on_timeout": True,
        "recursive": False,
    }
    quiet_since = 0.0
    # A folder that was taken away just now, the system's limit on watched folders, or a path that is not UTF-8.
    with contextlib.suppress(OSError, UnicodeEncodeError):
        for found in watch(*folders, watch_filter=None, stop_event=stop, **options):  # type: ignore[arg-type]
            if quiet_since == 0.0 or (not found and time.monotonic() - quiet_since > patience):
                yield set()
            elif found:
                yield {Path(path) for _, path in found}
            else:
                continue
            quiet_since = time.monotonic()
    while not stop.wait(_BLIND):
        yield set()
