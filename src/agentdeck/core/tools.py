"""The versions of git and tmux that a machine needs for agents to run on it."""

from __future__ import annotations

import re
from functools import lru_cache

GIT = (2, 39)
"""The first git with `merge-tree --stdin`."""
TMUX = (3, 2)
"""The first tmux that takes `new-window -e`."""
NEEDED = {"git": GIT, "tmux": TMUX}


@lru_cache
def tool_fault(name: str, version: str) -> str:
    """What is wrong with the `version` of git or tmux that a machine has, as the end of a sentence; empty where nothing
    is, or where it says no number. Without a version it is not installed."""
    if not version:
        return f"{name} is not installed there"
    needed = NEEDED[name]
    found = tuple(map(int, re.findall(r"\d+", version)))
    return f"its {name} {version} is older than {words(needed)}" if () != found[:2] < needed else ""


def words(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
