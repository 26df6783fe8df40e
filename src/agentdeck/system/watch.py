"""Wait for changes of files without polling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_TICK_MS = 1000
"""How long to wait for a change before looking all the same; a lost notification costs no more than this."""


def ticks(*folders: Path) -> Iterator[None]:
    """Yield at once, then after every change of a file in `folders`, and every second without one; for ever.

    Ends when a folder is taken away.
    """
    from watchfiles import watch

    yield
    # No filter: the usual one drops what lies under a .git folder, and there the store is.
    changes = watch(
        *folders,
        watch_filter=None,
        debounce=50,
        step=10,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        recursive=False,
    )
    for _ in changes:
        yield
        if not all(folder.is_dir() for folder in folders):
            return
