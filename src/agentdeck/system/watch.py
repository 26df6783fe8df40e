"""Wait for changes of files without polling."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event

_STEP = 0.01
_TICK = 1.0
"""Seconds to wait for a change before looking all the same; a lost notification costs no more than this."""
_SOON = 0.05
"""Seconds from the begin of the watching to the look at what changed before."""
_BLIND = 5.0
"""Seconds between looks where the system refuses to watch."""


def ticks(
    *folders: Path, every: float = _TICK, step: float = _STEP, but: frozenset[str] = frozenset()
) -> Iterator[None]:
    """Yield at once, then after every change of a file in `folders`, and `every` so many seconds without one; for ever.

    Changes are noticed within `step` seconds; each step costs a little. Files whose names are in `but` may change
    unnoticed. Ends when a folder is taken away.
    """
    from watchfiles import watch

    yield
    # A change between the look above and the begin of the watching is not told of: there is a look soon after that.
    looked_at: float | None = None
    # No filter: the usual one drops what lies under a .git folder, and there the store is.
    changes = watch(
        *folders,
        watch_filter=None,
        debounce=50,
        step=int(1000 * step),
        rust_timeout=int(1000 * min(every, max(_SOON, step))),
        yield_on_timeout=True,
        recursive=False,
    )
    for found in changes:
        now = time.monotonic()
        is_news = not all(os.path.basename(path) in but for _, path in found)  # noqa: PTH119 - a Path takes longer
        if not is_news and looked_at is not None and now - looked_at < every:
            continue
        looked_at = now
        yield
        if not all(folder.is_dir() for folder in folders):
            return


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
    # A folder that was taken away just now, or the system's limit on watched folders.
    with contextlib.suppress(OSError):
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
