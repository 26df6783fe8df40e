"""Load code while this process waits for others."""

from __future__ import annotations

import sys
from importlib import import_module
from threading import Thread

_SWITCH = 0.0005
"""Seconds for which the loading keeps back what was waited for."""
_USUAL = sys.getswitchinterval()


def load_ahead(*modules: str) -> None:
    """Begin to load `modules` in the background. Who imports one meanwhile waits for it."""
    wanted = [name for name in modules if name not in sys.modules]
    if wanted:
        Thread(target=_load, args=(wanted,), daemon=True).start()


def _load(modules: list[str]) -> None:
    sys.setswitchinterval(_SWITCH)
    try:
        for name in modules:
            import_module(name)
    finally:
        sys.setswitchinterval(_USUAL)
